//! Waiting for facts: nothing sleeps for a result, and nothing waits without end.
//!
//! SPDX-License-Identifier: Apache-2.0

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const SECONDS: u64 = 30;

/// Asks again and again until there is an answer; `what` says which fact was missing at the end.
pub async fn until<T>(what: &str, mut fact: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + Duration::from_secs(SECONDS);
    loop {
        if let Some(value) = fact().await {
            return Ok(value);
        }
        if Instant::now() > end {
            bail!("after {SECONDS} s still not: {what}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As `until`, for a fact that is true or false.
pub async fn so(what: &str, mut fact: impl AsyncFnMut() -> bool) -> Result<()> {
    until(what, async || fact().await.then_some(())).await
}
