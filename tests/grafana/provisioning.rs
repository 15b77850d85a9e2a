//! deploy/grafana/provisioning: Grafana finds Prometheus and the dashboards without a click.

use crate::{dashboard::all, support::prometheus::yaml};

#[test]
fn the_data_source_is_one_that_the_dashboards_take() {
    let file = yaml("deploy/grafana/provisioning/datasources/lockwatch.yml");
    assert_eq!(file["apiVersion"], 1);
    let sources = file["datasources"].as_array().unwrap();
    assert_eq!(sources.len(), 1);
    assert_eq!(sources[0]["access"], "proxy");
    assert_eq!(sources[0]["url"], "http://prometheus:9090");
    for dashboard in all() {
        let variable = &dashboard.variables()[0];
        assert_eq!(variable["name"], "datasource");
        assert_eq!(variable["query"], sources[0]["type"], "{}", dashboard.file);
    }
    // Rates are taken over four scrapes of this length; shorter than the real one, they would show nothing.
    let prometheus = yaml("deploy/prometheus/prometheus.yml");
    let scraped = &prometheus["global"]["scrape_interval"];
    assert_eq!(&sources[0]["jsonData"]["timeInterval"], scraped);
}

#[test]
fn the_folder_of_the_dashboards_is_looked_into() {
    let file = yaml("deploy/grafana/provisioning/dashboards/lockwatch.yml");
    assert_eq!(file["apiVersion"], 1);
    let providers = file["providers"].as_array().unwrap();
    assert_eq!(providers.len(), 1);
    assert_eq!(providers[0]["type"], "file");
    // Where deploy/compose.yaml mounts them.
    assert_eq!(
        providers[0]["options"]["path"],
        "/var/lib/grafana/dashboards"
    );
}
