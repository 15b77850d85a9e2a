//! Bad input from the side of Autotask, and in the names that go there: each kind, and the test that has it.

use std::{fs, path::Path};

/// Input, and where it is tested: a row on a line.
#[rustfmt::skip]
const ROWS: &[(&str, &str)] = &[
    // Bodies and heads, for look-up, query and versioninformation alike.
    ("cut off, by length or between chunks", "an_answer_that_cannot_be_read_says_nothing"),
    ("cut off: what may still be believed", "of_an_answer_that_breaks_off_only_a_rejection_is_believed"),
    ("cut off, and words in it", "of_a_body_cut_off_only_a_rejection_is_sure"),
    ("not JSON, other types, too deep, empty", "an_answer_that_cannot_be_read_says_nothing"),
    ("invalid UTF-8", "an_answer_that_cannot_be_read_says_nothing"),
    ("gzip, deflate, brotli", "an_answer_that_cannot_be_read_says_nothing"),
    ("byte order mark, unknown fields, PascalCase, keys twice", "an_answer_in_an_unusual_dress_is_an_answer"),
    ("another content type", "an_answer_in_an_unusual_dress_is_an_answer"),
    ("HTTP/1.0, 100, 103, chunks of a byte", "an_answer_in_an_unusual_dress_is_an_answer"),
    ("1 GiB, endless bodies, headers and statuses", "no_more_than_a_limit_is_read"),
    ("1 GiB, and the memory of the real program", "endless_answers_end_and_blame_nobody"),
    ("slow bodies and headers, endless 100 and 103", "the_deadline_is_that_of_the_whole_exchange"),
    ("silence", "silence_is_a_timeout_and_counts_as_unanswered"),
    ("reset before or in the status", "what_is_no_http_leaves_the_attempt_without_an_answer"),
    ("reset after the status", "an_answer_that_cannot_be_read_says_nothing"),
    ("reset of a connection used before", "a_request_is_sent_once_even_on_a_dying_connection"),
    ("two answers to one request", "an_answer_too_many_is_nobodys"),
    ("garbage, TLS on a plain port, HTTP/2 alone", "what_is_no_http_leaves_the_attempt_without_an_answer"),
    ("any status and body: what a query means", "a_query_answer_means_what_its_body_and_then_its_status_say"),
    ("any status and body: what a look-up means", "a_zone_answer_means_what_its_body_and_then_its_status_say"),
    ("any bytes: no panic, nothing accepted", "no_answer_panics_or_is_accepted_without_its_shape"),
    ("any bytes: no zone found", "no_zone_is_found_without_a_trusted_url"),
    ("what each finding means for the user", "every_finding_has_its_meaning"),
    // Zone urls.
    ("zone urls that are trusted", "a_credential_goes_to_autotask_by_https"),
    ("zone urls that are not, and no credential anywhere", "a_credential_goes_nowhere_else"),
    ("no zone url", "no_url_is_no_zone"),
    ("any zone url, against the rule in other words", "nothing_is_trusted_that_does_not_lead_to_autotask"),
    ("any plain zone url", "whatever_plainly_leads_to_autotask_is_trusted"),
    ("a zone elsewhere, with the real program", "a_zone_elsewhere_gets_no_credential"),
    ("a trusted name that resolves to this machine", "a_name_that_leads_elsewhere_meets_a_certificate_that_is_not_its_own"),
    ("a zone from the store that is trusted no more", "a_zone_that_is_not_allowed_any_more_gets_no_credential"),
    // Redirects.
    ("redirects, to the same host and others", "no_redirect_is_followed"),
    ("redirects with a body", "a_redirect_that_says_more_says_nothing"),
    // TLS.
    ("expired, not yet valid, wrong host, wrong purpose", "a_certificate_that_does_not_hold_gets_no_request"),
    ("no intermediate certificate", "a_certificate_that_does_not_hold_gets_no_request"),
    ("unknown authority, self-signed", "a_server_nobody_vouches_for_gets_no_request"),
    ("handshake cut, plain text, too old a protocol", "a_handshake_that_does_not_come_to_its_end_sends_nothing"),
    ("HTTP/2 alone, over TLS", "a_server_of_http_2_alone_gets_no_request"),
    ("handshake that hangs", "a_handshake_that_hangs_is_a_timeout_that_sent_nothing"),
    ("expired, with the real program", "a_certificate_that_expired_is_told_and_blames_nobody"),
    // Proxies and names.
    ("a proxy that refuses, wants a login, shows a page, hangs", "a_proxy_that_does_not_do_its_work_is_named"),
    ("a proxy, and what stays here", "a_proxy_carries_https_but_never_what_stays_on_this_machine"),
    ("no such name, a name of nothing, no answer of DNS", "a_name_that_leads_nowhere_sends_nothing"),
    ("nobody listens", "what_never_reached_autotask_is_not_sent"),
    // What goes out.
    ("names that no header can carry, or nobody can see", "names_that_cannot_be_carried_or_seen_are_refused"),
    ("names asked for by command", "json_and_refusals"),
    ("strange names: asked for exactly, shown safely", "a_strange_name_is_asked_for_exactly_and_shown_safely"),
    ("secrets of other letters", "a_secret_of_other_letters_goes_out_as_it_is"),
    ("secrets of other letters, and what is said of them", "what_looks_mangled"),
    ("secrets of two lines", "without_a_permit_or_a_credential_that_can_be_sent_nothing_is_sent"),
    ("secrets with control characters, with the real program", "nothing_private_is_ever_written"),
    ("foreign text on a line", "foreign_text_stays_on_one_line"),
];

fn sources(folder: &Path, texts: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, texts);
        } else if path.extension().is_some_and(|end| end == "rs") {
            texts.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_row_has_its_test() {
    let mut texts = String::new();
    for folder in ["src", "tests"] {
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut texts,
        );
    }
    for (row, test) in ROWS {
        let defined = format!("fn {test}(");
        assert!(texts.contains(&defined), "{row}: there is no test {test}");
    }
}
