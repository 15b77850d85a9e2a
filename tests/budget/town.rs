//! Where the stories happen: users, zones and a clock, and somebody who keeps the ledgers. Whatever the keeper lets
//! through is held against the truth.

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;
use lockwatch::attempt::{Asker, Ledgers, Limits, Outcome, Refusal};

use crate::{
    clock::{Clock, Moment},
    happenings::{Ask, End, Happening, Reload, Setting, Told},
    model::{CREDENTIALS, Known, Sent, Truth},
    storms::Storms,
    sums::Sums,
};

/// Whose ledgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Whose {
    pub(crate) user: usize,
    pub(crate) credential: usize,
    pub(crate) zone: usize,
}

/// What a permit is asked for with.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) whose: Whose,
    pub(crate) asker: Asker,
    pub(crate) found: bool,
    pub(crate) answered: Option<String>,
    pub(crate) locked_out: bool,
    pub(crate) interval: Duration,
    pub(crate) wall: Timestamp,
}

/// Who keeps the ledgers.
pub(crate) trait Keeper {
    /// Begins with users that work.
    async fn new(users: usize, limits: &Limits, wall: Timestamp) -> Self;
    /// One attempt, recorded.
    async fn permit(&mut self, asked: &Asked) -> Result<(String, Ledgers), Refusal>;
    /// Its end, written by whoever made it.
    async fn settle(
        &mut self,
        whose: Whose,
        id: &str,
        outcome: Outcome,
        wall: Timestamp,
    ) -> Ledgers;
    /// Whoever made the attempt dies with it.
    async fn dies(&mut self, id: &str);
    /// Everybody dies, and somebody begins anew.
    async fn restarts(&mut self);
    async fn ticks(&mut self, readings: Vec<Timestamp>);
    async fn reload(&mut self, reload: Reload, wall: Timestamp);
    async fn ledgers(&mut self, whose: Whose, wall: Timestamp) -> Ledgers;
}

/// An attempt whose answer is on its way.
struct Late {
    whose: Whose,
    id: String,
    outcome: Outcome,
}

pub(crate) struct Town<'a, K> {
    keeper: K,
    clock: Clock,
    interval: Duration,
    truths: Vec<Truth>,
    storms: Storms,
    zone: usize,
    found: bool,
    speaks: bool,
    locked_out: bool,
    refuses: bool,
    /// Zones without a clear answer.
    closed: HashSet<usize>,
    /// Who was accepted, where, and when the attempt was made.
    accepted: Vec<(usize, usize, Moment)>,
    late: Vec<Late>,
    sums: &'a mut Sums,
}

impl<'a, K: Keeper> Town<'a, K> {
    /// Lives a story from its beginning to its end.
    pub(crate) async fn lives(
        users: usize,
        setting: Setting,
        story: Vec<Happening>,
        sums: &'a mut Sums,
    ) {
        let Setting { limits, interval } = setting;
        let clock = Clock::new();
        let truth = || Truth::new(limits.clone(), interval);
        let mut town = Self {
            keeper: K::new(users, &limits, clock.wall).await,
            clock,
            interval,
            truths: (0..users).map(|_| truth()).collect(),
            storms: Storms::new(users),
            zone: 0,
            found: true,
            speaks: true,
            locked_out: false,
            refuses: false,
            closed: HashSet::new(),
            accepted: Vec::new(),
            late: Vec::new(),
            sums,
        };
        for happening in story {
            town.live(happening).await;
        }
        town.ends().await;
    }

    /// All that is on disk is held against the truth once more.
    async fn ends(mut self) {
        for (user, truth) in self.truths.iter().enumerate() {
            let tried = |credential: &usize| {
                let mut made = truth.made.iter();
                made.any(|made| made.credential == *credential)
            };
            for credential in (0..CREDENTIALS).filter(tried) {
                let whose = Whose {
                    user,
                    credential,
                    zone: self.zone,
                };
                let ledgers = self.keeper.ledgers(whose, self.clock.wall).await;
                truth.is_told_by(credential, &ledgers);
            }
            let open = truth
                .made
                .iter()
                .filter(|made| matches!(made.known, None | Some(Known::NoAnswer)));
            self.sums.unanswered += u32::try_from(open.count()).unwrap();
        }
        self.sums.storms += self.storms.seen;
        self.sums.judged += self.storms.judged;
        self.sums.story(self.clock.now().real);
    }

    async fn live(&mut self, happening: Happening) {
        match happening {
            Happening::Ask(ask) => self.ask(ask).await,
            Happening::Checks {
                user,
                asker,
                credentials,
                end,
                times,
                every,
            } => {
                let turns = credentials.into_iter().cycle();
                for credential in turns.take(times as usize) {
                    self.ask(Ask {
                        user,
                        credential,
                        asker,
                        end,
                    })
                    .await;
                    self.goes(every).await;
                }
            }
            Happening::Goes(time) => self.goes(time).await,
            Happening::Jump(by) => {
                // Right after a noted look, too: then as much is counted as the truth says, and not only at most so much.
                self.goes(self.clock.next_note()).await;
                self.clock.jumps(by);
            }
            Happening::Back(by) => {
                // Right after a look at it that was noted: the order of what came after one may be lost.
                self.goes(self.clock.next_note()).await;
                self.clock.back(by);
                self.goes(Duration::ZERO).await;
            }
            Happening::Down(time) => {
                self.goes(Duration::ZERO).await;
                self.clock.down(time);
                self.keeper.restarts().await;
            }
            Happening::Arrives(ago) => self.arrives(ago).await,
            Happening::Zone(zone) => (self.zone, self.found) = (zone, true),
            Happening::Away => self.found = false,
            Happening::Speaks(speaks) => self.speaks = speaks,
            Happening::LockedOut(is) => self.locked_out = is,
            Happening::Refuses(refuses) => self.refuses = refuses,
            Happening::Reload(reload) => self.keeper.reload(reload, self.clock.wall).await,
        }
    }

    async fn goes(&mut self, time: Duration) {
        let readings = self.clock.goes(time);
        self.keeper.ticks(readings).await;
    }

    async fn ask(&mut self, ask: Ask) {
        let End { mut outcome, told } = ask.end;
        if self.refuses && outcome == Outcome::Accepted {
            outcome = Outcome::Rejected;
        }
        let Some((whose, id)) = self.presents(&ask, outcome).await else {
            return;
        };
        match told {
            Told::AtOnce => {}
            Told::Lost => {
                self.tell(whose, &id, Outcome::Unanswered).await;
                return;
            }
            Told::Crash => {
                self.keeper.dies(&id).await;
                return;
            }
            Told::Late => {
                self.late.push(Late { whose, id, outcome });
                return;
            }
        }
        if outcome != Outcome::RejectedElsewhere {
            self.tell(whose, &id, outcome).await;
            return;
        }
        // The second look-up names another zone; where that excuses the 401, the attempt is made there at once.
        (self.zone, self.found) = ((self.zone + 1) % 3, true);
        if self.tell(whose, &id, outcome).await == Some(Known::Void) {
            let outcome = Outcome::Rejected;
            if let Some((whose, id)) = self.presents(&ask, outcome).await {
                self.tell(whose, &id, outcome).await;
            }
        }
    }

    /// Asks for a permit, and sends.
    async fn presents(&mut self, ask: &Ask, outcome: Outcome) -> Option<(Whose, String)> {
        let whose = Whose {
            user: ask.user,
            credential: ask.credential,
            zone: self.zone,
        };
        let mut asked = Asked {
            whose,
            asker: ask.asker,
            found: self.found,
            answered: None,
            locked_out: self.locked_out,
            interval: self.interval,
            wall: self.clock.wall,
        };
        let mut answer = self.keeper.permit(&asked).await;
        if let Err(Refusal::ZoneClosed { attempt }) = &answer
            && self.speaks
        {
            asked.answered = Some(attempt.clone());
            answer = self.keeper.permit(&asked).await;
        }
        let at = self.clock.now();
        // Who has no claim on the user does not get so far as to ask.
        let weather = match &answer {
            Err(Refusal::NotOurs) => None,
            _ => Some(self.storms.asked(ask.user, at)),
        };
        let (id, ledgers) = match answer {
            Ok(granted) => granted,
            Err(why) => {
                self.sums.refused(in_a_word(&why));
                return None;
            }
        };
        let others = |one: &&(usize, usize, Moment)| one.0 != ask.user && one.1 == self.zone;
        let others = self.accepted.iter().filter(others);
        let other = others.max_by_key(|other| other.2.seen);
        let sent = Sent {
            id: id.clone(),
            credential: ask.credential,
            asker: ask.asker,
            at,
            zone: self.zone,
            found: self.found,
            speaks: self.speaks,
            closed: self.closed.remove(&self.zone),
            locked_out: self.locked_out,
            weather: weather.expect("it was asked for"),
            other_accepted: other.map(|other| other.2),
            outcome,
        };
        let truth = &mut self.truths[ask.user];
        if matches!(ask.asker, Asker::Schedule | Asker::WithoutCode) {
            let fresh = truth.worked(ask.credential) && truth.streak(ask.credential).rejected == 0;
            let canary = self.storms.presents(ask.user, fresh, at);
            self.sums.canaries += u32::from(canary);
        }
        let why = truth.sent(sent, &ledgers);
        truth.obeys(self.sums);
        self.sums.sent(why, outcome);
        Some((whose, id))
    }

    /// The end of an attempt is written down.
    async fn tell(&mut self, whose: Whose, id: &str, outcome: Outcome) -> Option<Known> {
        let ledgers = self
            .keeper
            .settle(whose, id, outcome, self.clock.wall)
            .await;
        let at = self.clock.now();
        let truth = &mut self.truths[whose.user];
        let (known, made) = truth.told(id, outcome, at, &ledgers)?;
        let worked = truth.worked(whose.credential);
        truth.obeys(self.sums);
        if matches!(outcome, Outcome::Unanswered | Outcome::AnsweredUnclearly) {
            self.closed.insert(whose.zone);
        }
        match known {
            Known::Proof | Known::CodeRefused => {
                self.accepted.push((whose.user, whose.zone, made));
                self.storms.accepted(whose.user, made, at);
            }
            Known::Rejection => self.storms.refused(whose.user, worked, at),
            Known::Void => self.sums.void += 1,
            Known::NotSent | Known::Nothing => self.storms.no_verdict(whose.user, made),
            Known::NoAnswer => {}
        }
        Some(known)
    }

    async fn arrives(&mut self, ago: usize) {
        let Some(nth) = self.late.len().checked_sub(1 + ago) else {
            return;
        };
        let Late { whose, id, outcome } = self.late.remove(nth);
        self.tell(whose, &id, outcome).await;
    }
}

fn in_a_word(why: &Refusal) -> &'static str {
    match why {
        Refusal::Held { .. } => "held",
        Refusal::Wait { .. } => "wait",
        Refusal::NeedsForce => "needs force",
        Refusal::ZoneUnsure => "zone unsure",
        Refusal::ZoneClosed { .. } => "zone closed",
        Refusal::Storm { .. } => "storm",
        Refusal::NotOurs => "not ours",
    }
}
