use proptest::prelude::*;

use super::*;

const HOUR: Window = Window {
    from: 10_000,
    until: 13_600,
};

fn points(points: &[(i64, &str)]) -> Vec<Point> {
    let point = |(since, price): &(i64, &str)| Point {
        since: *since,
        price: price.parse().unwrap(),
    };
    points.iter().map(point).collect()
}

fn mean(of: &[(i64, &str)]) -> Option<String> {
    Mean::over(HOUR, &points(of)).map(|mean| mean.shown().to_string())
}

#[test]
fn a_mean_is_over_time_and_not_over_samples() {
    // Fifty minutes at 0.10, then ten samples in ten minutes at 1.00: the mean of the samples would be 0.918….
    let mut prices = vec![(10_000, "0.10")];
    prices.extend((0..10).map(|minute| (13_000 + minute * 60, "1.00")));
    assert_eq!(mean(&prices).unwrap(), "0.25");
}

#[test]
fn the_price_before_the_window_counts_from_its_begin() {
    assert_eq!(mean(&[(1, "0.2")]).unwrap(), "0.2");
    assert_eq!(mean(&[(1, "9"), (2, "0.2"), (11_800, "0.4")]).unwrap(), "0.3");
}

#[test]
fn time_before_the_first_known_price_counts_for_nothing() {
    let mean = Mean::over(HOUR, &points(&[(13_000, "0.3")])).unwrap();
    assert_eq!((mean.shown().to_string().as_str(), mean.seconds()), ("0.3", 600));
}

#[test]
fn a_price_of_after_the_window_is_none() {
    assert_eq!(mean(&[(13_600, "0.1")]), None);
    assert_eq!(mean(&[(10_000, "0.2"), (13_600, "9"), (99_999, "9")]).unwrap(), "0.2");
}

#[test]
fn an_empty_history_has_no_mean() {
    assert_eq!(mean(&[]), None);
}

#[test]
fn the_bound_itself_is_cheap_enough_and_the_next_billionth_is_not() {
    // 0.85 × 0.1 is no binary fraction.
    let (share, bid) = ("0.85".parse::<Share>().unwrap(), "0.1".parse().unwrap());
    let is_cheap = |price| Mean::over(HOUR, &points(&[(1, price)])).unwrap().is_at_most(share, bid);
    assert!(is_cheap("0.085"));
    assert!(!is_cheap("0.085000001"));
    // A third of a billionth above the bound is above it, though it is shown as a whole one.
    let mean = Mean::over(HOUR, &points(&[(1, "0.085"), (12_400, "0.085000001")])).unwrap();
    assert_eq!(mean.shown().to_string(), "0.085000001");
    assert!(!mean.is_at_most(share, bid));
}

#[test]
fn only_zones_that_count_have_a_mean() {
    let prices = BTreeMap::from([
        ("a".to_owned(), points(&[(1, "0.1")])),
        ("b".to_owned(), points(&[(1, "0.01")])),
        ("c".to_owned(), points(&[])),
    ]);
    let zones = ["a", "c", "d"].map(str::to_owned);
    let means = means(HOUR, &zones, &prices);
    assert_eq!(means.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_share_is_more_than_nothing() {
    for wrong in ["0", "-1", "10.1", "0.0000001", "", "85%"] {
        assert_eq!(wrong.parse::<Share>(), Err(NotAShare), "{wrong}");
    }
    assert_eq!("0.85".parse::<Share>().unwrap().to_string(), "0.85");
}

proptest! {
    /// Against the same said in another way: second by second, the newest price that is not newer than the second.
    #[test]
    fn a_mean_is_that_of_its_seconds(prices in proptest::collection::vec((0i64..40, 0u64..1000), 0..12)) {
        let window = Window { from: 10, until: 30 };
        let points: Vec<Point> = prices
            .into_iter()
            .map(|(since, billionths)| Point { since, price: Money::from_billionths(billionths) })
            .collect();
        let held: Vec<u64> = (window.from..window.until)
            .filter_map(|second| points.iter().filter(|point| point.since <= second).max())
            .map(|point| point.price.billionths())
            .collect();
        let mean = Mean::over(window, &points);
        prop_assert_eq!(mean.is_some(), !held.is_empty());
        if let Some(mean) = mean {
            let (sum, count) = (held.iter().sum::<u64>(), held.len() as u64);
            prop_assert_eq!(mean.seconds(), count);
            prop_assert_eq!(mean.shown().billionths(), sum.div_ceil(count));
        }
    }

    #[test]
    fn a_mean_is_between_the_prices(prices in proptest::collection::vec((any::<i64>(), 0u64..1_000_000_000_000), 1..20), from in any::<i64>(), length in 1i64..1_000_000) {
        let window = Window { from, until: from.saturating_add(length) };
        let points: Vec<Point> = prices
            .into_iter()
            .map(|(since, billionths)| Point { since, price: Money::from_billionths(billionths) })
            .collect();
        if let Some(mean) = Mean::over(window, &points) {
            let shown = mean.shown();
            prop_assert!(points.iter().any(|point| point.price <= shown));
            prop_assert!(points.iter().any(|point| point.price >= shown));
            prop_assert!(mean.is_at_most(Share::ONE, shown));
        }
    }
}
