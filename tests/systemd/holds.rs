//! The first invariant under a service manager: no restart of any kind buys another attempt.

use crate::{machine::Machine, site::Site};

#[tokio::test]
async fn restarts_and_crashes_buy_no_attempts() {
    let site = Site::of(&["wrong", "good"]).await;
    let machine = Machine::with_package();
    site.give(&machine, "wrong", "demo-another");
    site.configure(&machine, &["wrong", "good"]);
    machine.drop_in("soon", "[Service]\nRestartSec=200ms\n");
    machine.does("systemctl start lockwatch");
    site.until_mailed(&machine, "failing", "wrong");
    assert_eq!(site.stats("wrong").rejections, 2);

    for end in ["restart", "restart", "kill --signal=KILL"] {
        let before = machine.shows("MainPID");
        machine.does(&format!("systemctl {end} lockwatch"));
        machine.until_shows("MainPID", |now| now != before && now != "0");
        machine.until_shows("ActiveState", |state| state == "active");
        // The zone of the held user is looked up anew, and the other one is checked.
        site.until_checked(&machine, "wrong", 3);
        site.until_checked(&machine, "good", 3);
    }
    assert_eq!(site.stats("wrong").attempts, 2, "{}", machine.journal());
}
