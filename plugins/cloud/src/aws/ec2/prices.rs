//! DescribeSpotPriceHistory.

use super::super::Client;
use super::super::error::{Error, Malformed};
use super::super::operation::Operation;
use super::super::xml::Element;
use super::{form, seconds_of};
use crate::money::Money;

/// A price, from a time on until the next of the same type in the same zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpotPrice {
    /// The type of instance.
    pub kind: String,
    /// The availability zone.
    pub zone: String,
    /// In dollars an hour.
    pub price: Money,
    /// In seconds since 1970. The first one of an interval may be from before it: it is what was paid when the interval began.
    pub since: i64,
}

impl Client {
    /// The prices of Linux instances of a type between two times, in seconds since 1970; in all zones, or in one.
    ///
    /// # Errors
    /// When a page of the list can't be had.
    pub async fn spot_prices(
        &self,
        kind: &str,
        zone: Option<&str>,
        from: i64,
        until: i64,
    ) -> Result<Vec<SpotPrice>, Error> {
        const WRONG: Malformed = Malformed::Wrong("a time");
        let time = |seconds| jiff::Timestamp::from_second(seconds).map_err(|_| WRONG);
        let form = form(Operation::DescribeSpotPriceHistory, &[])
            .with_each("InstanceType", [kind])
            .with_each("ProductDescription", ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"])
            .with_some("AvailabilityZone", zone)
            .with("StartTime", &time(from)?.to_string())
            .with("EndTime", &time(until)?.to_string());
        self.listing(form, None, "DescribeSpotPriceHistoryResponse", read).await
    }
}

fn read(page: &Element) -> Result<Vec<SpotPrice>, Error> {
    let prices = page.need_list("spotPriceHistorySet", "item")?.map(|price| {
        let amount = price.need_text("spotPrice")?.parse();
        Ok(SpotPrice {
            kind: price.need_text("instanceType")?,
            zone: price.need_text("availabilityZone")?,
            price: amount.map_err(|_| Malformed::Wrong("spotPrice"))?,
            since: seconds_of(price, "timestamp").ok_or(Malformed::Wrong("timestamp"))?,
        })
    });
    prices.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_a_number_and_nothing_else() {
        let page = |price: &str| {
            let text = format!(
                "<R><spotPriceHistorySet><item><instanceType>m5.large</instanceType><spotPrice>{price}</spotPrice>
                 <timestamp>2026-01-01T00:00:00.000Z</timestamp><availabilityZone>eu-west-1a</availabilityZone></item></spotPriceHistorySet><nextToken/></R>"
            );
            read(&Element::read(text.as_bytes(), "R").unwrap())
        };
        assert_eq!(page("0.036500").unwrap()[0].price.to_string(), "0.0365");
        for price in ["", "-1", "NaN", "inf", "0,03"] {
            assert!(page(price).is_err(), "{price}");
        }
    }
}
