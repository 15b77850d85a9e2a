//! Why no secure connection came about, in words that say whose fault it is and where to look. Pure.

use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible, pki_types::UnixTime};

/// So many of the names in a certificate are told.
const NAMES: usize = 4;

/// What failed, a fragment that says what to do where lockwatch's side can do something.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(why) => certificate(why),
        Error::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        )
        | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the server speaks neither TLS 1.2 nor TLS 1.3, and older ones are not safe".to_owned()
        }
        Error::AlertReceived(alert) => format!("the server broke off the handshake ({alert:?})"),
        Error::NoCertificatesPresented => "the server shows no certificate".to_owned(),
        other => format!("the handshake failed ({other})"),
    }
}

fn certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::ExpiredContext { time, not_after } => format!(
            "the server's certificate has been expired since {} (it is {} by the clock of this host)",
            day(*not_after),
            day(*time)
        ),
        CertificateError::Expired => "the server's certificate has expired".to_owned(),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the server's certificate is not valid before {} (it is {} by the clock of this host)",
            day(*not_before),
            day(*time)
        ),
        CertificateError::NotValidYet => "the server's certificate is not valid yet".to_owned(),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names = match presented.as_slice() {
                [] => "no host".to_owned(),
                names => names
                    .iter()
                    .take(NAMES)
                    .map(|presented| name(presented))
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            let host = expected.to_str();
            format!("the server's certificate is not for {host} but for {names}")
        }
        CertificateError::NotValidForName => {
            "the server's certificate is for another host".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "the server's certificate is signed by nobody that this host or autotask.ca_file trusts, or without \
             the certificates in between"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "the server's certificate is not signed by whom it names".to_owned()
        }
        CertificateError::BadEncoding => "the server's certificate cannot be read".to_owned(),
        other => format!("the server's certificate cannot be trusted ({other})"),
    }
}

/// rustls has `DnsName("a.example")` and `IpAddress(127.0.0.1)`.
fn name(presented: &str) -> &str {
    presented
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .map_or(presented, |name| name.trim_matches('"'))
}

fn day(time: UnixTime) -> String {
    let at = i64::try_from(time.as_secs()).map(Timestamp::from_second);
    match at {
        Ok(Ok(at)) => at.strftime("%F %R UTC").to_string(),
        _ => "a day that no calendar has".to_owned(),
    }
}
