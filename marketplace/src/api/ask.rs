//! Parameters of requests, with a problem where they cannot be understood.

use super::problem::Problem;
use crate::error::MarketError;
use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// A query string as a type that refuses unknown parameters.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(value)| Self(value)).map_err(|error| Problem::bad_request(error.to_string()))
    }
}

/// An identifier from a path or parameter.
///
/// # Errors
/// [`MarketError::Invalid`], saying how one is written.
pub fn id<T: FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, MarketError> {
    text.parse().map_err(|error: T::Err| MarketError::invalid(field, error.to_string()))
}
