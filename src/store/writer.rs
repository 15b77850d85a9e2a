//! The one writer: takes what is waiting, applies it in one transaction, and answers each only after the commit is on
//! disk. While one group is being committed the next gathers, so nobody waits without need. Writers of several processes
//! take turns, on either engine: between the first read of a group and its commit nobody else writes.

use std::{fmt, pin::Pin, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{StoreError, engine::Link, sql::Conn};

/// So many writes share a transaction at most.
const GROUP: usize = 256;

/// So often is a group applied that PostgreSQL turned down, or whose connection was found dead.
const TRIES: u32 = 4;

/// One write.
pub(super) trait Write: Send + Sync + 'static {
    /// What the writer's client gets.
    type Out: Send + 'static;
    /// Applies the write inside the group's transaction. On an error its own changes are rolled back. It may be called
    /// again when the whole group was rolled back.
    fn apply(&self, conn: &mut Conn)
    -> impl Future<Output = Result<Self::Out, sqlx::Error>> + Send;
}

/// The client's end. Clones share the writer.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Message>,
}

enum Message {
    Job(Box<dyn Job>),
    End(oneshot::Sender<()>),
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'a>>;

/// How the writes of a group are kept from each other's errors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By nothing, which costs nothing: any error is the end of the group. Then it is applied the other way.
    Together,
    /// Each has a savepoint.
    Apart,
}

trait Job: Send {
    /// Applies the write and keeps its result. Apart, an error of its own harms no other; one that is returned is the end
    /// of the whole group.
    fn run<'a>(&'a mut self, conn: &'a mut Conn, way: Way) -> Running<'a>;
    /// Tells the client, once it is known whether the group is on disk.
    fn answer(self: Box<Self>, committed: Result<(), Arc<sqlx::Error>>);
}

struct Pending<W: Write> {
    write: W,
    result: Option<Result<W::Out, sqlx::Error>>,
    reply: oneshot::Sender<Result<W::Out, StoreError>>,
}

impl<W: Write> Job for Pending<W> {
    fn run<'a>(&'a mut self, conn: &'a mut Conn, way: Way) -> Running<'a> {
        Box::pin(async move {
            if way == Way::Together {
                self.result = Some(Ok(self.write.apply(conn).await?));
                return Ok(());
            }
            conn.run("SAVEPOINT one_write").await?;
            let result = self.write.apply(conn).await;
            match &result {
                Ok(_) => conn.run("RELEASE SAVEPOINT one_write").await?,
                Err(fault) if Again::after(fault).is_none() => {
                    conn.run("ROLLBACK TO SAVEPOINT one_write; RELEASE SAVEPOINT one_write")
                        .await?;
                }
                Err(_) => return result.map(drop),
            }
            self.result = Some(result);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), Arc<sqlx::Error>>) {
        let result = match (committed, self.result) {
            (Err(fault), _) => Err(StoreError::Write(fault)),
            (Ok(()), Some(result)) => result.map_err(|fault| StoreError::Write(Arc::new(fault))),
            (Ok(()), None) => Err(StoreError::Closed),
        };
        // A client that is gone does not want its answer.
        let _ = self.reply.send(result);
    }
}

/// Why a group may be applied once more: nothing of it was kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// PostgreSQL chose this transaction to give way (40001, 40P01).
    GaveWay,
    /// The connection is dead.
    Reconnect,
}

impl Again {
    fn after(fault: &sqlx::Error) -> Option<Self> {
        match fault {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                Some(Self::Reconnect)
            }
            sqlx::Error::Database(told) => match told.code()?.as_ref() {
                "40001" | "40P01" => Some(Self::GaveWay),
                // Shut down by its administrator, crashed, not there yet, in the transaction for too long.
                "57P01" | "57P02" | "57P03" | "25P03" => Some(Self::Reconnect),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Writer {
    pub(super) fn start(link: Link) -> Self {
        let (jobs, inbox) = mpsc::channel(4 * GROUP);
        tokio::spawn(work(link, inbox));
        Self { jobs }
    }

    /// Applies `write`; returns when it is on disk.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Out, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Message::Job(Box::new(Pending {
            write,
            result: None,
            reply,
        }));
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn end(&self) {
        let (done, ended) = oneshot::channel();
        if self.jobs.send(Message::End(done)).await.is_ok() {
            let _ = ended.await;
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

async fn work(mut link: Link, mut inbox: mpsc::Receiver<Message>) {
    let mut group = Vec::with_capacity(GROUP);
    while inbox.recv_many(&mut group, GROUP).await > 0 {
        let mut jobs = Vec::with_capacity(group.len());
        let mut end = None;
        for message in group.drain(..) {
            match message {
                Message::Job(job) => jobs.push(job),
                Message::End(done) => end = Some(done),
            }
        }
        if !jobs.is_empty() {
            commit(&mut link, jobs).await;
        }
        if let Some(done) = end {
            if let Some(conn) = link.conn.take() {
                // All that it was given is on disk.
                let _ = conn.close().await;
            }
            let _ = done.send(());
            return;
        }
    }
}

async fn commit(link: &mut Link, mut jobs: Vec<Box<dyn Job>>) {
    let mut tries = 1;
    let mut way = Way::Together;
    let committed = loop {
        let (fault, again) = match attempt(link, &mut jobs, way).await {
            Ok(()) => break Ok(()),
            Err(Fault::One) => {
                way = Way::Apart;
                continue;
            }
            Err(Fault::NothingKept(fault)) => {
                let again = Again::after(&fault);
                (fault, again)
            }
            Err(Fault::Final(fault)) => (fault, None),
        };
        if again.is_none() || tries == TRIES {
            tracing::error!(cause = %fault, "failed to write the store");
            break Err(Arc::new(fault));
        }
        tries += 1;
    };
    for job in jobs {
        job.answer(committed.clone());
    }
}

enum Fault {
    /// A write failed together with the others, who are as if they had never been: apart, it harms nobody else.
    One,
    /// Before the commit: the whole group is as if it had never been.
    NothingKept(sqlx::Error),
    /// There is no connection, or the end of a commit is not known: nobody tries by himself.
    Final(sqlx::Error),
}

/// How far a group has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is no transaction yet.
    Beginning,
    /// Others have their turn.
    Waiting,
    Applying,
    Committing,
}

/// Applies the group once. A connection in an unknown state is not used again.
async fn attempt(link: &mut Link, jobs: &mut [Box<dyn Job>], way: Way) -> Result<(), Fault> {
    let mut conn = link.take().await.map_err(Fault::Final)?;
    let mut stage = Stage::Beginning;
    let applied = link
        .engine
        .in_time(async {
            conn.run(link.engine.begin()).await?;
            stage = Stage::Waiting;
            link.engine.turn(&mut conn, &link.clock).await?;
            stage = Stage::Applying;
            for job in jobs {
                job.run(&mut conn, way).await?;
            }
            stage = Stage::Committing;
            conn.run("COMMIT").await
        })
        .await;
    let Err(fault) = applied else {
        link.conn = Some(conn);
        return Ok(());
    };
    let again = Again::after(&fault);
    let usable = again != Some(Again::Reconnect)
        && (stage == Stage::Beginning || link.engine.in_time(conn.run("ROLLBACK")).await.is_ok());
    link.conn = usable.then_some(conn);
    if stage == Stage::Applying && way == Way::Together && again.is_none() {
        tracing::debug!(cause = %fault, "a write failed; each of its group is applied apart");
        return Err(Fault::One);
    }
    if stage == Stage::Committing && again != Some(Again::GaveWay) {
        Err(Fault::Final(fault))
    } else {
        Err(Fault::NothingKept(fault))
    }
}
