//! What to do where Autotask refuses a credential without a word: the causes of an empty 401. Pure.

use super::{Subject, Words, ask_to_open_user, hand_out_secret, integration, open_user, retry};

pub fn ordinary_user(ctx: &Subject<'_>) -> Words {
    let steps = vec![
        format!(
            "Ask a full administrator of {} to look at {} in Admin > Resources (Users): is it an API user, or an ordinary \
             user with a licence?",
            ctx.tenant, ctx.username
        ),
        "An ordinary user can usually not be turned into one. Make a new one: Admin > Resources (Users) > the arrow beside \
         New > New API User. Active, a security level that is API-only, a real and monitored e-mail address, the tracking \
         identifier of the integration; then Generate Key and Generate Secret."
            .to_owned(),
        format!("Enter the new key and secret in {}.", integration(ctx)),
        format!(
            "Change username and secret of {} in lockwatch's configuration. A new API user can take five minutes to work.",
            ctx.user
        ),
    ];
    ("It is an ordinary user, not an API user", steps)
}

pub fn security_level(ctx: &Subject<'_>) -> Words {
    (
        "Its security level is not API-only",
        vec![
            format!("{}.", open_user(ctx)),
            "On the General tab choose a Security Level that is API-only, such as \"API User (system) (API-only)\", and \
             save. If none is offered, API access must first be enabled for the account; the levels are listed under \
             Admin > Resources > Security Levels."
                .to_owned(),
            format!("Nothing changes in {}.", integration(ctx)),
            format!("{}.", retry(ctx)),
        ],
    )
}

pub fn tracking_identifier(ctx: &Subject<'_>) -> Words {
    (
        "Its API tracking identifier is missing or another integration's",
        vec![
            format!("{}.", open_user(ctx)),
            format!(
                "Under API Tracking Identifier choose the Integration Vendor of {}, or Custom where the integration lets you \
                 enter a code of your own, and save.",
                integration(ctx)
            ),
            format!(
                "With Custom, enter the code shown there in {}; with a vendor's identifier it knows its own.",
                integration(ctx)
            ),
            format!(
                "With Custom, put the code where lockwatch reads the integration_code of {}. {}.",
                ctx.user,
                retry(ctx)
            ),
        ],
    )
}

pub fn wrong_secret(ctx: &Subject<'_>) -> Words {
    let mut steps = vec![
        format!(
            "Compare first: does {} work with this user? Then its secret is right and lockwatch's is not; copy it to \
             lockwatch and stop here.",
            integration(ctx)
        ),
        format!(
            "{}, and to press Generate Secret. It is shown once; the old one stops working on save.",
            ask_to_open_user("Otherwise ask", ctx)
        ),
    ];
    steps.extend(hand_out_secret(ctx));
    ("The secret is not this user's", steps)
}

pub fn new_secret(ctx: &Subject<'_>) -> Words {
    let mut steps = vec![
        format!(
            "Compare the secret that lockwatch reads for {} with the one shown when it was generated. The characters \
             $ # \\ ' \" are easily changed by shells and .env files; quotes or white space around it do not belong to it.",
            ctx.user
        ),
        format!(
            "{}, to press Generate Secret and to save.",
            ask_to_open_user("If the original is gone, ask", ctx)
        ),
    ];
    steps.extend(hand_out_secret(ctx));
    ("The new secret is wrong, or was changed on its way", steps)
}

pub fn deactivated(ctx: &Subject<'_>) -> Words {
    (
        "The user is not active",
        vec![
            format!("{}.", open_user(ctx)),
            "Ask first who deactivated it and why. On the General tab tick Active and save."
                .to_owned(),
            format!(
                "Nothing changes in {}, as long as it holds the same secret.",
                integration(ctx)
            ),
            format!("{}.", retry(ctx)),
        ],
    )
}

pub fn locked_out(ctx: &Subject<'_>) -> Words {
    (
        "The account is locked after failed logins",
        vec![
            format!("{}.", open_user(ctx)),
            "Before unlocking, find the program that failed to log in, or it locks again: Autotask mailed the API user's own \
             address and named the IP address of the failed logins. Stop that program or give it the present secret."
                .to_owned(),
            "On the Security tab clear Locked and save. Autotask never unlocks a user by itself.".to_owned(),
            format!(
                "Let {} run once and see that it works.",
                integration(ctx)
            ),
            format!("{}.", retry(ctx)),
        ],
    )
}

pub fn secret_regenerated(ctx: &Subject<'_>) -> Words {
    let mut steps = vec![
        format!(
            "Ask the full administrators of {} whether somebody generated a new secret for {}. If so, get that one; it is \
             shown once.",
            ctx.tenant, ctx.username
        ),
        "If nobody has it: Admin > Resources (Users), edit the API user, press Generate Secret and save.".to_owned(),
    ];
    steps.extend(hand_out_secret(ctx));
    ("The secret was generated anew elsewhere", steps)
}

pub fn expired(ctx: &Subject<'_>) -> Words {
    let mut steps = vec![
        format!(
            "{}. Look at its Security Level: the built-in API-only levels are exempt from password expiry, copies of them \
             may not be.",
            open_user(ctx)
        ),
        "Choose a level that is exempt, press Generate Secret and save.".to_owned(),
    ];
    steps.extend(hand_out_secret(ctx));
    ("The password expired", steps)
}
