//! What must hold for every mail, whatever the configuration, Autotask or an operator wrote.

use lockwatch::{
    diagnose::{Cause, Reason},
    notify::{
        Kind,
        merge::Telling,
        message::{self, Mail},
        sample::sample,
    },
};
use proptest::prelude::*;

use crate::{
    story::{digest, line},
    words::{at, diagnosis, facts, links, notice, ranked},
};

const EVIL: &str = "[ -~\u{0}-\u{1f}\u{80}-\u{9f}<>&\"'äπ]{0,60}";

fn is_one_piece(mail: &Mail) -> Result<(), TestCaseError> {
    prop_assert!(
        !mail.subject.contains(char::is_control),
        "{:?}",
        mail.subject
    );
    prop_assert!(!mail.html.contains("<b>"), "{}", mail.html);
    prop_assert!(
        !mail.text.contains(|c: char| c.is_control() && c != '\n'),
        "{}",
        mail.text
    );
    prop_assert!(!mail.text.contains("\nBcc"), "{}", mail.text);
    Ok(())
}

proptest! {
    /// One line of subject, no markup, no line that somebody else began.
    #[test]
    fn nothing_told_can_break_out(
        evil in EVIL,
        kind in prop::sample::select(&Kind::ALL[..]),
        reason in prop::sample::select(&[Reason::LockedOut, Reason::ApiRefused, Reason::CredentialRejected][..]),
        held in any::<bool>(),
        dropped in any::<bool>(),
        reopened in 0_u32..3,
        merged in prop::collection::vec(prop::sample::select(&Kind::ALL[..]), 0..3),
        count in prop::sample::select(&[1_usize, 2, 30][..]),
    ) {
        let evil = format!("{evil}<b>\r\nBcc: x");
        let mut facts = facts("acme-email2at", diagnosis(
            reason,
            &[&evil],
            vec![
                ranked(Cause::ApiRefusal, &[&evil], &[&evil]),
                ranked(Cause::LockedOut, &[&evil], &[&evil]),
            ],
        ));
        facts.tenant = evil.clone();
        facts.incident = evil.clone();
        facts.integration = Some(evil.clone());
        facts.entity = evil.clone();
        facts.username = evil.clone();
        facts.zone = Some(evil.clone());
        facts.host = evil.clone();
        facts.from_address = Some(evil);
        facts.held = held;
        facts.dropped = dropped;
        facts.before = Some(reason);
        facts.reopened = reopened;
        facts.first_since = Some(facts.since);
        let telling = Telling {
            merged: merged.into_iter().map(|kind| (kind, facts.at)).collect(),
            last_until: Some(facts.at),
            notice: notice(kind, facts),
        };
        let tellings = vec![telling; count];
        is_one_piece(&message::compose(&tellings, Some(&links())))?;
    }

    #[test]
    fn nothing_in_a_reminder_can_break_out(evil in EVIL, held in any::<bool>(), count in 1_usize..3) {
        let evil = format!("{evil}<b>\r\nBcc: x");
        let mut line = line(&evil, Reason::LockedOut, held);
        line.tenant = evil.clone();
        line.integration = Some(evil);
        let telling = Telling::alone(digest(vec![line; count]));
        is_one_piece(&message::compose(&[telling], Some(&links())))?;
    }

    #[test]
    fn nothing_in_a_sample_can_break_out(evil in EVIL, kind in prop::sample::select(&Kind::ALL[..])) {
        let evil = format!("{evil}<b>\r\nBcc: x");
        let tellings = sample(kind, at("2026-11-22T14:06:15Z"), &evil, &evil);
        is_one_piece(&message::compose_sample(&tellings, Some(&links()), &evil))?;
    }
}
