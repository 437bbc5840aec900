//! A value of an attribute: an object with one member, named for the type.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A value.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A text.
    #[serde(rename = "S")]
    Text(String),
    /// A number, in decimal digits: at most 38 of them count.
    #[serde(rename = "N")]
    Number(String),
    /// Octets.
    #[serde(rename = "B", with = "super::super::json::base64")]
    Octets(Vec<u8>),
    /// True or false.
    #[serde(rename = "BOOL")]
    Bool(bool),
    /// Nothing.
    #[serde(rename = "NULL")]
    Null(bool),
    /// Values in an order.
    #[serde(rename = "L")]
    List(Vec<Value>),
    /// Values by name.
    #[serde(rename = "M")]
    Map(BTreeMap<String, Value>),
    /// Texts, each once.
    #[serde(rename = "SS")]
    Texts(Vec<String>),
    /// Numbers, each once.
    #[serde(rename = "NS")]
    Numbers(Vec<String>),
    /// Octets, each once.
    #[serde(
        rename = "BS",
        serialize_with = "all_to_base64",
        deserialize_with = "all_from_base64"
    )]
    OctetSets(Vec<Vec<u8>>),
}

impl Value {
    /// A whole number.
    #[must_use]
    pub fn number(number: i64) -> Self {
        Self::Number(number.to_string())
    }

    /// The text that it is.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number that it is.
    #[must_use]
    pub fn as_number(&self) -> Option<i64> {
        match self {
            Self::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// The octets that it is.
    #[must_use]
    pub fn as_octets(&self) -> Option<&[u8]> {
        match self {
            Self::Octets(octets) => Some(octets),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The type only: tables hold what is of no concern to logs.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "S(…)",
            Self::Number(_) => "N(…)",
            Self::Octets(_) => "B(…)",
            Self::Bool(_) => "BOOL(…)",
            Self::Null(_) => "NULL",
            Self::List(_) => "L(…)",
            Self::Map(_) => "M(…)",
            Self::Texts(_) => "SS(…)",
            Self::Numbers(_) => "NS(…)",
            Self::OctetSets(_) => "BS(…)",
        })
    }
}

fn all_to_base64<S: Serializer>(all: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(|octets| BASE64.encode(octets)))
}

fn all_from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let octets = texts.iter().map(|text| BASE64.decode(text.as_bytes()));
    octets.collect::<Result<_, _>>().map_err(|_| D::Error::custom("base64"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Value::Text),
            any::<i64>().prop_map(Value::number),
            any::<Vec<u8>>().prop_map(Value::Octets),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null(true)),
            any::<Vec<Vec<u8>>>().prop_map(Value::OctetSets),
        ];
        leaf.prop_recursive(3, 20, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
                prop::collection::btree_map(any::<String>(), inner, 0..5).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_comes_back_as_it_went(value in values()) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }

        #[test]
        fn no_octets_do_harm(octets: Vec<u8>) {
            let _ = serde_json::from_slice::<BTreeMap<String, Value>>(&octets);
        }
    }

    #[test]
    fn values_are_named_for_their_types() {
        let item: BTreeMap<String, Value> = serde_json::from_str(
            r#"{"a":{"S":"x"},"b":{"N":"7"},"c":{"B":"AAE="},"d":{"NULL":true},"e":{"L":[{"BOOL":false}]}}"#,
        )
        .unwrap();
        assert_eq!(item["b"].as_number(), Some(7));
        assert_eq!(item["c"].as_octets(), Some(&[0, 1][..]));
        assert!(serde_json::from_str::<Value>(r#"{"X":1}"#).is_err());
        assert_eq!(format!("{:?}", item["a"]), "S(…)");
    }
}
