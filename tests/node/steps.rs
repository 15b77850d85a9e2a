//! What becomes of each command of the page: how it is typed where that is not once and to a good end, and what is so then.

use std::{fs, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    node::until,
    reader::{Reader, shown},
    support::{
        pages::{Typed, read},
        ports,
    },
};

type Step = fn(&mut Reader, &Typed);

/// By what a command holds; the first that fits.
pub const ALL: &[(&str, Step)] = &[
    ("create secret generic lockwatch-secrets \\\n", has_secrets),
    ("helm install", installs),
    ("logs deployment/lockwatch", reads_log),
    ("helm test", tests),
    ("-- lockwatch validate", validates),
    ("exec deployment/lockwatch -- lockwatch status", sees_status),
    ("-- lockwatch test-mail", mails),
    ("-- lockwatch retry", repairs),
    ("port-forward", opens_page),
    ("helm upgrade", upgrades),
    ("logs job/", reads_refusal),
    ("--dry-run=client", rotates),
    ("exec deploy/lockwatch -- lockwatch status", sees_refusal),
    ("wait --for=delete pod", stands_still),
    ("--replicas=1", goes_on),
    ("helm uninstall", uninstalls),
    ("kubectl delete namespace", deletes_namespace),
    ("kubectl apply --server-side -k", applies),
    ("kubectl delete -k", deletes),
    // All the others: whether they worked, those after them show.
    ("", does),
];

/// The step of a command, and its place in the list.
pub fn of(text: &str) -> (usize, Step) {
    let mut steps = ALL.iter().enumerate();
    let found = steps.find(|(_, (part, _))| text.contains(part));
    let (nth, (_, step)) = found.unwrap();
    (nth, *step)
}

fn does(reader: &mut Reader, typed: &Typed) {
    reader.does(typed);
}

fn has_secrets(reader: &mut Reader, typed: &Typed) {
    reader.does(typed);
    let path = "go-template='{{range $name, $_ := .data}}{{$name}} {{end}}'";
    let ask = format!("kubectl -n lockwatch get secret lockwatch-secrets --output={path}");
    let names = "acme-email2at acme-email2at-code smtp-password web-token";
    assert_eq!(reader.node.tells(&ask), names);
    assert_eq!(reader.reads("web-token").len(), 48);
}

fn installs(reader: &mut Reader, typed: &Typed) {
    reader.does(typed);
    reader.until_pods(1);
    reader.watches_by(&reader.config());
    reader.until_state("healthy");
}

const NEW_STORE: &str = "made a new store";

fn reads_log(reader: &mut Reader, typed: &Typed) {
    assert!(reader.does(typed).contains(NEW_STORE));
}

fn tests(reader: &mut Reader, typed: &Typed) {
    let address = reader.pod("status.podIP");
    let name = "lockwatch.lockwatch.svc.cluster.local";
    reader
        .node
        .is_found("service", &format!("{address} {name}\n"));
    reader.does(typed);
    let log = "kubectl -n lockwatch logs lockwatch-test";
    assert_eq!(reader.node.tells(log), "alive");
}

fn validates(reader: &mut Reader, typed: &Typed) {
    let said = reader.does(typed);
    assert!(said.contains("good; 1 user is watched"), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

fn sees_status(reader: &mut Reader, typed: &Typed) {
    let said = reader.does(typed);
    assert!(said.contains("acme-email2at"), "{said}");
    assert!(said.contains("1 healthy"), "{said}");
}

fn mails(reader: &mut Reader, typed: &Typed) {
    reader.does(typed);
    reader.site.until_mailed("test", "ops@msp.example");
}

/// The user is locked, which a first `retry` is the fastest way to see; then it is repaired.
fn repairs(reader: &mut Reader, typed: &Typed) {
    reader.site.locks();
    reader.fails(typed);
    reader.site.until_mailed("locked_out", "it@acme.example");
    reader.site.unlocks();
    // One attempt a minute.
    until("the retry", || {
        (reader.types(typed).code == 0).then_some(())
    });
    reader.until_state("healthy");
    reader.site.until_mailed("recovered", "it@acme.example");
}

fn opens_page(reader: &mut Reader, typed: &Typed) {
    // 9477 may be another's here.
    let [port] = ports::free();
    let text = typed.text.replace(" 9477", &format!(" {port}:9477"));
    assert_ne!(text, typed.text);
    let mut goes_on = reader.begins(&text).stdout(Stdio::null()).spawn().unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    let client = client.build().unwrap();
    let page = until("the page", || {
        let ended = goes_on.try_wait().unwrap();
        assert_eq!(ended, None, "{text}");
        let ask = async {
            let answer = client.get(format!("http://127.0.0.1:{port}/")).send().await;
            answer.ok()?.error_for_status().ok()?.text().await.ok()
        };
        reader.site.runtime.block_on(ask)
    });
    kill_process(Pid::from_child(&goes_on), Signal::TERM).unwrap();
    goes_on.wait().unwrap();
    assert!(page.contains("acme-email2at"), "{page}");
}

const USERS: &str = "  [[users]]";
const GOOD: &str = "  [schedule]\n  interval = \"7m\"\n\n";
const BAD: &str = "  [schedule]\n  intervall = \"7m\"\n\n";

/// With a configuration that is good, then with one that is not: the old daemon stays at work.
fn upgrades(reader: &mut Reader, typed: &Typed) {
    let first = reader.until_pods(1);
    reader.means(USERS, &format!("{GOOD}{USERS}"));
    reader.does(typed);
    let second = reader.until_pods(1);
    assert_ne!(first, second);
    let good = reader.config();
    reader.watches_by(&good);
    reader.means(GOOD, BAD);
    reader.fails(typed);
    assert_eq!(reader.until_pods(1), second);
    reader.watches_by(&good);
}

fn reads_refusal(reader: &mut Reader, typed: &Typed) {
    let said = reader.does(typed);
    assert!(
        said.contains("schedule.intervall: is not a known key"),
        "{said}"
    );
    // Until the next try.
    reader.means(BAD, GOOD);
    reader.again("helm upgrade");
    reader.fails(typed);
    reader.watches_by(&reader.config());
}

fn rotates(reader: &mut Reader, typed: &Typed) {
    let pod = reader.until_pods(1);
    let before = reader.reads("web-token");
    assert_eq!(reader.reloads_with(&before), 200);
    reader.site.new_secret("demo-changed-secret");
    let accepted = reader.site.stats().accepted;
    for (name, text) in [
        ("acme-email2at", "demo-changed-secret\n"),
        ("web-token", "demo-changed-token-0123456789\n"),
    ] {
        fs::write(reader.file(name), text).unwrap();
    }
    reader.does(typed);
    until("the other token counts", || {
        (reader.reloads_with("demo-changed-token-0123456789") == 200).then_some(())
    });
    assert_eq!(reader.reloads_with(&before), 401);
    until("the other secret is accepted", || {
        (reader.site.stats().accepted > accepted).then_some(())
    });
    reader.until_state("healthy");
    assert_eq!(reader.until_pods(1), pod);
}

/// Without a new pod and without a Job, a bad configuration reaches the daemon.
fn sees_refusal(reader: &mut Reader, typed: &Typed) {
    reader.means(
        "existingSecret:",
        "restartOnConfigChange: false\nvalidateBeforeUpgrade: false\nexistingSecret:",
    );
    reader.again("helm upgrade");
    let pod = reader.until_pods(1);
    let good = reader.config();
    reader.means(GOOD, BAD);
    reader.again("helm upgrade");
    until("the refusal", || {
        reader
            .does(typed)
            .contains("schedule.intervall: is not a known key")
            .then_some(())
    });
    reader.watches_by(&good);
    // A good one is taken by the same pod.
    reader.means(BAD, &GOOD.replace("7m", "8m"));
    reader.again("helm upgrade");
    reader.watches_by(&reader.config());
    assert_eq!(reader.until_pods(1), pod);
}

fn stands_still(reader: &mut Reader, typed: &Typed) {
    reader.does(typed);
    reader.until_pods(0);
}

fn goes_on(reader: &mut Reader, typed: &Typed) {
    reader.does(typed);
    reader.until_pods(1);
}

fn claims(reader: &Reader) -> String {
    reader
        .node
        .tells("kubectl get persistentvolumeclaims --all-namespaces --output=name")
}

fn uninstalls(reader: &mut Reader, typed: &Typed) {
    reader.does(typed);
    reader.until_pods(0);
    assert_eq!(claims(reader), "persistentvolumeclaim/lockwatch-data");
    // The next install of the same name finds it.
    reader.again("helm install");
    reader.until_pods(1);
    assert!(
        !reader
            .again("logs deployment/lockwatch")
            .contains(NEW_STORE)
    );
}

fn deletes_namespace(reader: &mut Reader, typed: &Typed) {
    reader.does(typed);
    let claims = claims(reader);
    assert!(!claims.contains("lockwatch"), "{claims}");
}

/// "Namespace and Secret are made as above."
fn applies(reader: &mut Reader, typed: &Typed) {
    for part in [
        "kubectl create namespace",
        "kubectl label namespace",
        "create secret generic lockwatch-secrets \\\n",
    ] {
        reader.again(part);
    }
    reader.writes("site/kustomization.yaml", &shown("kustomization.yaml"));
    let config = read("deploy/kubernetes/base/lockwatch.toml");
    reader.writes("site/lockwatch.toml", &config);
    reader.does(typed);
    let first = reader.until_pods(1);
    reader.watches_by(&config);
    reader.until_state("healthy");
    let said = reader.again("-- lockwatch validate");
    assert!(said.contains("good; 1 user is watched"), "{said}");
    // A changed one makes another pod.
    let other = config.replace("[[users]]", "[schedule]\ninterval = \"7m\"\n\n[[users]]");
    reader.writes("site/lockwatch.toml", &other);
    reader.does(typed);
    reader.watches_by(&other);
    assert_ne!(reader.until_pods(1), first);
}

fn deletes(reader: &mut Reader, typed: &Typed) {
    reader.does(typed);
    reader.until_pods(0);
    let claims = claims(reader);
    assert!(!claims.contains("lockwatch"), "{claims}");
}
