//! The one writer: takes what is waiting, applies it in one `BEGIN IMMEDIATE` transaction, and answers each only after
//! the commit is on disk. While one group is being committed the next gathers, so nobody waits without need.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;

/// So many writes share a transaction at most.
const GROUP: usize = 256;

/// One write. A group is retried as a whole by nobody: `apply` runs once.
pub(super) trait Write: Send + 'static {
    /// What the writer's client gets.
    type Out: Send + 'static;
    /// Applies the write inside the group's transaction. On an error, its own changes are rolled back.
    fn apply(
        self,
        conn: &mut SqliteConnection,
    ) -> impl Future<Output = Result<Self::Out, sqlx::Error>> + Send;
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

type Answer = Box<dyn FnOnce(Result<(), Arc<sqlx::Error>>) + Send>;
type Running<'c> = Pin<Box<dyn Future<Output = Answer> + Send + 'c>>;

trait Job: Send {
    fn run<'c>(self: Box<Self>, conn: &'c mut SqliteConnection) -> Running<'c>;
    /// Answers that there was no transaction to run in.
    fn refuse(self: Box<Self>, fault: Arc<sqlx::Error>);
}

struct Pending<W: Write> {
    write: W,
    reply: oneshot::Sender<Result<W::Out, StoreError>>,
}

impl<W: Write> Job for Pending<W> {
    fn run<'c>(self: Box<Self>, conn: &'c mut SqliteConnection) -> Running<'c> {
        Box::pin(async move {
            let Self { write, reply } = *self;
            let result = within_savepoint(write, conn).await.map_err(Arc::new);
            let answer: Answer = Box::new(move |committed| {
                let result = committed.and(result).map_err(StoreError::Write);
                // A client that is gone does not want its answer.
                let _ = reply.send(result);
            });
            answer
        })
    }

    fn refuse(self: Box<Self>, fault: Arc<sqlx::Error>) {
        // As above.
        let _ = self.reply.send(Err(StoreError::Write(fault)));
    }
}

async fn within_savepoint<W: Write>(
    write: W,
    conn: &mut SqliteConnection,
) -> Result<W::Out, sqlx::Error> {
    let mut savepoint = conn.begin().await?;
    let out = write.apply(&mut savepoint).await?;
    savepoint.commit().await?;
    Ok(out)
}

impl Writer {
    pub(super) async fn start(options: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let conn = SqliteConnection::connect_with(options).await?;
        let (jobs, inbox) = mpsc::channel(4 * GROUP);
        tokio::spawn(work(conn, inbox));
        Ok(Self { jobs })
    }

    /// Applies `write`; returns when it is on disk.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Out, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Message::Job(Box::new(Pending { write, reply }));
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

async fn work(mut conn: SqliteConnection, mut inbox: mpsc::Receiver<Message>) {
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
        commit(&mut conn, jobs).await;
        if let Some(done) = end {
            let _ = conn.close().await;
            let _ = done.send(());
            return;
        }
    }
}

async fn commit(conn: &mut SqliteConnection, jobs: Vec<Box<dyn Job>>) {
    let mut group = match conn.begin_with("BEGIN IMMEDIATE").await {
        Ok(group) => group,
        Err(fault) => {
            tracing::error!(cause = %fault, "failed to write the store");
            let fault = Arc::new(fault);
            for job in jobs {
                job.refuse(Arc::clone(&fault));
            }
            return;
        }
    };
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        answers.push(job.run(&mut group).await);
    }
    let committed = group.commit().await.map_err(Arc::new);
    if let Err(fault) = &committed {
        tracing::error!(cause = %fault, "failed to write the store");
    }
    for answer in answers {
        answer(committed.clone());
    }
}
