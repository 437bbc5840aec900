//! When our certificates end: for `/metrics`, where an alert can be made of it, and for `status`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use ballast_shared::tls::TlsFiles;
use metrics::gauge;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::control::Certificate;

/// How often they are looked at: as often as a page of metrics is asked for.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Those in use.
pub(crate) fn all(files: &TlsFiles) -> Vec<Certificate> {
    let expiries = files.expiries().into_iter();
    let certificate = |expiry: ballast_shared::tls::Expiry| Certificate {
        file: expiry.certificate.display().to_string(),
        expires_s: expiry.ends_at,
    };
    expiries.map(certificate).collect()
}

/// Keeps the metrics up to date until it is to stop.
pub(crate) async fn publish(files: TlsFiles, stop: CancellationToken) {
    let expires = |file: &PathBuf| gauge!("logd_tls_certificate_expires_timestamp_seconds", "certificate" => file.display().to_string());
    let mut ticks = interval(LOOK_EVERY);
    let mut known = BTreeSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let expiries = files.expiries();
        let now: BTreeSet<PathBuf> = expiries.iter().map(|expiry| expiry.certificate.clone()).collect();
        // A series can't be taken back; one that is not a number raises no alert.
        known.difference(&now).for_each(|gone| expires(gone).set(f64::NAN));
        for expiry in &expiries {
            expires(&expiry.certificate).set(expiry.ends_at as f64);
        }
        known = now;
    }
}
