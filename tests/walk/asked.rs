//! Commands that are run only where there is a cluster, by tests/node: here the programs themselves are asked whether they
//! know their options.

use crate::{
    place::Place,
    support::{
        accounts::{By, of},
        pages::Page,
    },
};

/// The file of this name that a page shows, as its first line says.
fn shown(page: &str, name: &str) -> String {
    let blocks = Page::read(page).blocks.into_iter();
    let mut named = blocks.filter(|block| block.text.starts_with(&format!("# {name}")));
    named.next().unwrap().text
}

/// kubectl and helm, without a cluster: they read their arguments and their files, then find nobody.
#[tokio::test]
async fn kubectl_and_helm_understand_what_they_are_told() {
    let place = Place::make().await;
    let page = "docs/kubernetes.md";
    place.write("values.yaml", &shown(page, "values.yaml"));
    let site = shown(page, "kustomization.yaml").replace("../lockwatch/", "./");
    place.write("kustomization.yaml", &site);
    let base = crate::read("deploy/kubernetes/base/lockwatch.toml");
    place.write("lockwatch.toml", &base);
    place.run("mkdir -p secrets && cd secrets && touch acme-email2at acme-email2at-code smtp-password web-token").await;
    let mut asked = 0;
    for typed in of(|by| by == By::Cluster) {
        let done = place.run(&typed.text).await;
        let nobody = [
            "refused",
            "cluster unreachable",
            "no configuration has been provided",
        ];
        let found_nobody = nobody
            .iter()
            .any(|says| done.stderr.to_lowercase().contains(says));
        assert!(
            done.code != 0 && found_nobody,
            "{page}:{}: {}: {done:?}",
            typed.line,
            typed.text
        );
        asked += 1;
    }
    assert!(asked > 18, "only {asked} were asked");
    // And what they do not understand is told from it.
    for wrong in [
        "kubectl -n lockwatch exec deployment/lockwatch --no-such-option -- lockwatch status",
        "helm install lockwatch deploy/kubernetes/lockwatch --value values.yaml",
    ] {
        let done = place.run(wrong).await;
        assert!(done.stderr.contains("unknown flag"), "{wrong}: {done:?}");
    }
}
