//! Somebody who reads the page and types what stands there, in a copy of the repository; and what the cluster shows of it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    PAGE,
    node::{Done, Node, until},
    site::Site,
    support::pages::{Page, Typed, commands, root},
};

const DAEMON: &str = "app.kubernetes.io/component=daemon";
/// Behind this on the API server is the daemon.
const SERVICE: &str = "/api/v1/namespaces/lockwatch/services/lockwatch:http/proxy";

/// See the top of the file.
pub struct Reader {
    // Before the site, so that pods end before what they reach.
    pub node: Node,
    pub site: Site,
    /// values.yaml as it stands now.
    pub values: String,
}

/// What the editor writes into a file of this name.
pub fn secret(name: &str) -> String {
    format!("demo-{name}-0123456789")
}

/// The file of this name that the page shows, as its first line says.
pub fn shown(name: &str) -> String {
    let blocks = Page::read(PAGE).blocks.into_iter();
    let mut named = blocks.filter(|block| block.text.starts_with(&format!("# {name}")));
    named.next().unwrap().text
}

impl Reader {
    /// Before anything was typed.
    pub fn arrives() -> Self {
        let site = Site::open(
            &secret("acme-email2at"),
            &secret("acme-email2at-code"),
            &secret("smtp-password"),
        );
        let node = Node::start(site.authority(), &site.hosts());
        site.receive();
        let script = "#!/bin/sh\nfor file; do\nprintf 'demo-%s-0123456789\\n' \"${file##*/}\" >\"$file\"\ndone\n";
        fs::write(node.editor(), script).unwrap();
        fs::set_permissions(node.editor(), fs::Permissions::from_mode(0o755)).unwrap();
        for folder in ["lockwatch", "site"] {
            fs::create_dir(node.folder().join(folder)).unwrap();
        }
        let mut copy = Command::new("cp");
        copy.arg("--archive").arg(root().join("deploy"));
        let copied = copy.arg(node.folder().join("lockwatch/deploy")).status();
        assert!(copied.unwrap().success());
        let this = Self {
            node,
            site,
            values: shown("values.yaml"),
        };
        this.writes("lockwatch/values.yaml", &this.values);
        this
    }

    /// Writes a file, from the folder that holds the copy of the repository.
    pub fn writes(&self, name: &str, text: &str) {
        fs::write(self.node.folder().join(name), text).unwrap();
    }

    /// Changes values.yaml.
    pub fn means(&mut self, what: &str, instead: &str) {
        assert!(self.values.contains(what), "{what}: {}", self.values);
        self.values = self.values.replace(what, instead);
        self.writes("lockwatch/values.yaml", &self.values);
    }

    /// Where the command is typed: kustomize has a folder of its own, for the rest the page is in the repository.
    fn folder(&self, text: &str) -> PathBuf {
        let name = if text.contains(" -k .") {
            "site"
        } else {
            "lockwatch"
        };
        self.node.folder().join(name)
    }

    /// As a process that goes on.
    pub fn begins(&self, text: &str) -> Command {
        self.node.bash(&self.folder(text), text)
    }

    /// Whatever comes of it.
    pub fn types(&self, typed: &Typed) -> Done {
        self.node.run(&self.folder(&typed.text), &typed.text)
    }

    /// It must end well.
    pub fn does(&self, typed: &Typed) -> String {
        let done = self.types(typed);
        let place = format!("{PAGE}:{}: {}", typed.line, typed.text);
        assert_eq!(done.code, 0, "{place}: {}", done.said);
        done.said
    }

    /// It must not.
    pub fn fails(&self, typed: &Typed) -> String {
        let done = self.types(typed);
        let place = format!("{PAGE}:{}: {}", typed.line, typed.text);
        assert_ne!(done.code, 0, "{place}: {}", done.said);
        done.said
    }

    /// Once more the first command of the page that holds this.
    pub fn again(&self, part: &str) -> String {
        let typed = commands(PAGE).into_iter();
        let mut found = typed.filter(|typed| typed.text.contains(part));
        self.does(&found.next().unwrap())
    }

    /// Something of the only pod.
    pub fn pod(&self, path: &str) -> String {
        self.node.tells(&format!(
            "kubectl -n lockwatch get pod --selector={DAEMON} --output=jsonpath='{{.items[0].{path}}}'"
        ))
    }

    /// Waits until there are so many pods, and they are ready; the name of the one.
    pub fn until_pods(&self, number: usize) -> String {
        let ask = format!(
            "kubectl -n lockwatch get pod --selector={DAEMON} --output=jsonpath='{{range .items[*]}}{{.metadata.name}} \
             {{.status.containerStatuses[0].ready}}{{\"\\n\"}}{{end}}'"
        );
        until(&format!("{number} pods that are ready"), || {
            let said = self.node.tells(&ask);
            let ready: Vec<_> = said.lines().map(|line| line.split_once(" true")).collect();
            let all = ready.len() == number && ready.iter().all(Option::is_some);
            all.then(|| ready.into_iter().flatten().map(|(name, _)| name).collect())
        })
    }

    /// What the daemon answers; nothing while there is none.
    fn answer(&self, path: &str) -> Option<String> {
        let ask = format!("kubectl get --raw '{SERVICE}{path}'");
        let done = self.node.run(self.node.folder(), &ask);
        (done.code == 0).then_some(done.said)
    }

    /// Waits until the page's user is in this state.
    pub fn until_state(&self, state: &str) {
        until(&format!("the user is {state}"), || {
            let said = self.answer("/api/v1/users/acme-email2at")?;
            let user: Value = serde_json::from_str(&said).unwrap();
            (user["state"] == state).then_some(())
        });
    }

    /// The daemon has taken this configuration.
    pub fn watches_by(&self, config: &str) {
        let hash = Sha256::digest(config.as_bytes());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        until(&format!("a configuration with the hash {hash}"), || {
            let metrics = self.answer("/metrics")?;
            let mut lines = metrics.lines();
            lines.find(|line| line.starts_with("lockwatch_config_hash") && line.contains(&hash))?;
            Some(())
        });
    }

    /// `config` of values.yaml.
    pub fn config(&self) -> String {
        let values: Value = serde_saphyr::from_str(&self.values).unwrap();
        values["config"].as_str().unwrap().to_owned()
    }

    /// How a reload is answered that brings this token.
    pub fn reloads_with(&self, token: &str) -> u16 {
        let url = format!("http://{}:9477/-/reload", self.pod("status.podIP"));
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let request = client.build().unwrap().post(url);
        let request = request.bearer_auth(token);
        let request = request.header("Content-Type", "application/json");
        let answer = self.site.runtime.block_on(request.send());
        answer.unwrap().status().as_u16()
    }

    /// A file of the folder `secrets`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.node.folder().join("lockwatch/secrets").join(name)
    }

    /// What is in it.
    pub fn reads(&self, name: &str) -> String {
        fs::read_to_string(Path::new(&self.file(name)))
            .unwrap()
            .trim()
            .to_owned()
    }
}
