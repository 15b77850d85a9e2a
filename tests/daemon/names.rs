//! Names as people make them and as attackers would: Autotask is asked for exactly that name, and wherever it is shown
//! it is a name and nothing else.

use lockwatch::demo::ApiUser;
use mail_parser::MessageParser;

use crate::house::{House, code, secret};

const STRANGE: [&str; 6] = [
    r#"k+a&b%c#d"e f@acme.example"#,
    "<script>alert(1)</script>@acme.example",
    "a%00b%0d%0aX-Injected: 1@acme.example",
    "../../x?y=z&user=other@acme.example",
    r"{{7*7}}${HOME}\n'; DROP TABLE users; --@acme.example",
    "=cmd|' /C calc'!A0@acme.example",
];
/// In quotes as TOML and metrics have them, and as it is.
const TENANT: (&str, &str) = (r#"a\"b\\c{d}=1,<b>&'é🦀"#, r#"a"b\c{d}=1,<b>&'é🦀"#);

#[tokio::test]
async fn a_strange_name_is_asked_for_exactly_and_shown_safely() {
    let longest = format!("{}@acme.example", "k".repeat(307));
    let names: Vec<&str> = STRANGE.into_iter().chain([longest.as_str()]).collect();
    let ids: Vec<String> = (0..names.len()).map(|n| format!("n{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut house = House::of(&ids);
    for (id, name) in ids.iter().zip(&names) {
        let account = house.account(id);
        account.username = Some((*name).to_owned());
        account.tenant = TENANT.0;
        account.more = "integration = \"<img src=x onerror=alert(1)>\\\"\"\n\
             labels = { \"<i>\" = \"é \\\\ \\\"🦀\" }\n"
            .to_owned();
        let user = ApiUser::new(name, &secret(id), &code(id), "acme");
        house.world().with(|world| world.add(user));
    }
    let daemon = house.start().await;
    for (id, name) in ids.iter().zip(&names) {
        let user = house.until_state(id, "healthy", "ok").await;
        assert_eq!(user["tenant"], TENANT.1);
        let stats = house.world().with(|world| world.stats(name));
        assert!(stats.lookups > 0 && stats.accepted > 0, "{name}: {stats:?}");
    }

    // One of them fails, so that it is told of by mail as well.
    house.give("n1", "demo-wrong-secret-1");
    house.until("n1", |user| user["held"] == true).await;
    let mail = house.mailed("failing", "n1", "n1@acme.example").await;
    let parsed = MessageParser::default().parse(mail.raw.as_bytes()).unwrap();
    let allowed = |name: &str| {
        name.starts_with("X-Lockwatch-")
            || [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "References",
                "In-Reply-To",
                "MIME-Version",
                "Content-Type",
                "Auto-Submitted",
                "X-Auto-Response-Suppress",
            ]
            .contains(&name)
    };
    for header in parsed.headers() {
        assert!(allowed(header.name()), "{}", header.name());
    }
    let subject = parsed.subject().unwrap();
    assert!(subject.contains(TENANT.1), "{subject}");
    let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
    assert!(
        text.contains(STRANGE[1]) && html.contains("&#60;script&#62;"),
        "{text}\n{html}"
    );
    for tag in ["<script", "<img", "<b>", "<i>"] {
        assert!(!html.contains(tag), "{tag}: {html}");
    }

    for path in ["/", "/users/n0", "/users/n1", "/users/n4"] {
        let page = house.get(path).await.body;
        for tag in ["<script", "<img", "<b>", "<i>"] {
            assert!(!page.contains(tag), "{path}: {tag}");
        }
        assert!(
            page.contains("&#60;img src=x onerror=alert(1)&#62;&#34;"),
            "{path}: {page}"
        );
    }

    let metrics = house.metrics().await;
    let info = format!("autotask_user_info{{user=\"n1\",tenant=\"{}\"", TENANT.0);
    assert!(metrics.contains(&info), "{metrics}");
    assert!(!metrics.contains("@acme.example"), "{metrics}");
    assert!(metrics.lines().all(|line| {
        line.starts_with("# ")
            || line
                .rsplit_once(' ')
                .is_some_and(|(_, n)| n.parse::<f64>().is_ok())
    }));

    for arguments in [&["status"][..], &["probe", "n1"], &["validate"]] {
        let done = house.lockwatch(arguments).await;
        assert!(
            plain(&done.stdout) && plain(&done.stderr),
            "{arguments:?}: {done:?}"
        );
    }
    assert!(plain(&daemon.log()), "{}", daemon.log());
    daemon.stop().await;
}

fn plain(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !c.is_control())
}
