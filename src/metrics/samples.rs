//! The samples of one family in the library's form.

use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// The samples of one family, of some users after the others. They are written over: to make and drop a million small texts
/// takes longer than to encode them.
#[derive(Debug, Default)]
pub struct Samples {
    family: MetricFamily,
    /// Those that are of the present users; the others are of those before.
    used: usize,
}

impl Samples {
    /// Begins anew. All samples of a family have the same labels in the same order.
    pub(super) fn begin(&mut self, name: &str, help: &str) {
        self.used = 0;
        if self.family.name() != name {
            self.family = MetricFamily::default();
            self.family.set_name(name.to_owned());
            self.family.set_help(help.to_owned());
            self.family.set_field_type(MetricType::GAUGE);
        }
    }

    /// Adds one.
    pub(super) fn push(&mut self, labels: &[(&str, &str)], value: f64) {
        let metrics = self.family.mut_metric();
        if self.used == metrics.len() {
            metrics.push(named(labels));
        }
        let metric = &mut metrics[self.used];
        debug_assert!(
            metric
                .get_label()
                .iter()
                .map(LabelPair::name)
                .eq(labels.iter().map(|(name, _)| *name)),
            "{}: all samples of a family have the same labels",
            self.family.name()
        );
        for (pair, (_, text)) in metric.mut_label().iter_mut().zip(labels) {
            if pair.value() != *text {
                pair.set_value(without_addresses(text));
            }
        }
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
        self.used += 1;
    }

    /// What was added since the last beginning.
    pub(super) fn family(&mut self) -> &MetricFamily {
        self.family.mut_metric().truncate(self.used);
        &self.family
    }
}

fn named(labels: &[(&str, &str)]) -> Metric {
    let pairs = labels.iter().map(|(name, _)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair
    });
    Metric::from_label(pairs.collect())
}

/// Labels never hold e-mail addresses, even where people wrote one into a free text.
fn without_addresses(text: &str) -> String {
    if !text.contains('@') {
        return text.to_owned();
    }
    let words = text.split_whitespace().filter(|word| !word.contains('@'));
    words.collect::<Vec<_>>().join(" ")
}
