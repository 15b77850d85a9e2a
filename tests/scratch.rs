#[test]
fn show() {
    let dir = std::path::Path::new("tests/fixtures/config/bad");
    let mut v: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    v.sort();
    for f in v {
        match lockwatch::config::load(&f) {
            Err(e) => {
                let t = e.to_string().replace("tests/fixtures/config/bad/", "");
                println!("{t}\n");
                std::fs::write(f.with_extension("txt"), t + "\n").unwrap();
            }
            Ok((c, w)) => println!("OK? {f:?} {c:#?} {w:#?}"),
        }
    }
}
