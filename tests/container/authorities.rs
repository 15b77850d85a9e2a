//! TLS from an image without an operating system: authorities of the site's own by `ca_file`, and those of the system
//! where the image has them.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    sync::Arc,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{
    image::image,
    podman::Container,
    stand::{Stand, hand_over},
};
use crate::support::{certificates::Certificates, smtp::Sink};

#[tokio::test]
async fn a_mail_server_is_believed_by_who_vouches_for_it() {
    let sink = Sink::start(&["--tls", "starttls"]).await;
    let mut stand = Stand::of(&["works"]);
    let own = stand.house.folder().join("ca.pem");
    fs::copy(sink.ca.as_ref().unwrap(), &own).unwrap();
    let email = format!(
        "[email]\nfrom = \"lockwatch@msp.example\"\nto = [\"ops@msp.example\"]\n\
         [email.smtp]\nhost = \"localhost\"\nport = {}\ntimeout = \"10s\"\n",
        sink.port
    );
    let host = "--network=host";
    stand.house.settings.email = format!("{email}ca_file = \"ca.pem\"\n");
    let (code, said) = stand.command(&[host], &["test-mail"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(sink.delivered().len(), 1);

    // Those of the image do not vouch for it.
    stand.house.settings.email = email;
    let (code, said) = stand.command(&[host], &["test-mail"]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("UnknownIssuer"), "{said}");
    assert_eq!(sink.delivered().len(), 1);

    // A site may put its own bundle in the place of the image's.
    let bundle = format!(
        "--volume={}:/etc/ssl/certs/ca-certificates.crt:ro",
        own.display()
    );
    let (code, said) = stand.command(&[host, &bundle], &["test-mail"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(sink.delivered().len(), 2);
}

#[tokio::test]
async fn autotask_is_looked_up_by_https() {
    let stand = Stand::of(&["works"]);
    let answer = stand
        .house
        .world()
        .with(|world| world.zones["AE02"].url.clone());
    let body = format!(
        "{{\"zoneName\":\"AE02\",\"url\":\"{answer}\",\"webUrl\":\"https://ae02.autotask.net/\",\"ci\":1}}"
    );
    let made = Certificates::make(stand.house.folder(), &["127.0.0.1"]);
    let base = serve(&made, &body);
    let plain = stand.house.autotask().to_string();
    let look_up = async |more: &str| {
        stand.house.write();
        let config = fs::read_to_string(stand.house.config()).unwrap();
        let config = config.replace(
            &format!("base_url = \"{plain}\""),
            &format!("base_url = \"{base}\"\n{more}"),
        );
        fs::write(stand.house.config(), config).unwrap();
        hand_over(stand.house.folder());
        let container = Container::start(&[
            "--network=host",
            &stand.etc(),
            &stand.state(),
            image(),
            "probe",
            "works",
            "--json",
        ]);
        (container.ended().await, container.log())
    };
    let (code, said) = look_up("").await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("UnknownIssuer"), "{said}");
    assert_eq!(stand.house.stats("works").attempts, 0, "{said}");
    let (code, said) = look_up("ca_file = \"ca.pem\"").await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(stand.house.stats("works").accepted, 1, "{said}");
}

/// Gives every request this answer by https, on a port of 127.0.0.1; its address.
fn serve(made: &Certificates, body: &str) -> String {
    let pem = |path: &Path| fs::read(path).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(&pem(&made.cert)).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&pem(&made.key)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            let mut line = String::new();
            // The head of a request ends with an empty line; a look-up has no body. Who does not trust us ends before.
            while line != "\r\n" {
                line.clear();
                if !matches!(stream.read_line(&mut line), Ok(read) if read > 0) {
                    break;
                }
            }
            if line == "\r\n" {
                let stream = stream.get_mut();
                let _ = stream.write_all(answer.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    format!("https://{address}/")
}
