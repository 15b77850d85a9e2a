//! How far a check goes with what is known of the credential: reads what there is, and puts a placeholder where only the
//! vendor knows the code. It asks for no permit.

use secrecy::SecretString;

use crate::{
    attempt::Asker,
    config::secret::{self, SecretError},
    observation::QueryStep,
    user::Known,
};

/// Who asks for the permit: the schedule keeps to a slower pace with a placeholder.
pub(super) fn asker(known: &Known, asker: Asker) -> Asker {
    match (known, asker) {
        (Known::Secret(_), Asker::Schedule) => Asker::WithoutCode,
        _ => asker,
    }
}

/// Secret and code as they are sent, read anew, or why there is nothing to send.
pub(super) async fn read(known: &Known) -> Result<(SecretString, SecretString), QueryStep> {
    match known {
        Known::All {
            secret,
            integration_code,
        } => {
            let (secret, code) = tokio::join!(secret.read(), integration_code.read());
            let secret = secret.map_err(|why| unreadable("secret", &why))?;
            let code = code.map_err(|why| unreadable("integration code", &why))?;
            if let Some(what) = secret::no_code_in(&code) {
                let said = format!("the integration code cannot be sent: what was read {what}");
                return Err(QueryStep::SecretUnreadable(said));
            }
            Ok((secret, code))
        }
        Known::Secret(secret) => {
            let secret = secret
                .read()
                .await
                .map_err(|why| unreadable("secret", &why))?;
            Ok((secret, secret::PLACEHOLDER.into()))
        }
        Known::Nothing => Err(QueryStep::VendorHeld),
    }
}

fn unreadable(what: &str, why: &SecretError) -> QueryStep {
    QueryStep::SecretUnreadable(format!("the {what} cannot be read: {why}"))
}
