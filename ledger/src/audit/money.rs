//! The sum of all accounts, against what was minted and burned.

use super::Report;
use crate::store::Store;
use contracts::{
    settlement::{Account, Supply},
    state::{Record, Subject},
};
use std::collections::BTreeMap;

const PAGE: usize = 10_000;

pub(super) fn check(store: &Store, report: &mut Report) {
    let mut sums: BTreeMap<String, u128> = BTreeMap::new();
    let accounts = each::<Account>(store, report, &mut |currency, account| {
        *sums.entry(currency).or_default() += u128::from(account.balance.minor());
    });
    let mut supplies: BTreeMap<String, u128> = BTreeMap::new();
    let supply = each::<Supply>(store, report, &mut |currency, supply| {
        let net = u128::from(supply.minted.minor()).saturating_sub(u128::from(supply.burned.minor()));
        *supplies.entry(currency).or_default() += net;
    });
    if !(accounts && supply) {
        return;
    }
    if sums.iter().filter(|(_, sum)| **sum > 0).ne(supplies.iter().filter(|(_, sum)| **sum > 0)) {
        report.find("money", format!("accounts hold {sums:?}, minted less burned is {supplies:?}"));
    }
    let small = |sum: u128| u64::try_from(sum).unwrap_or(u64::MAX);
    report.money = sums.into_iter().map(|(currency, sum)| (currency, small(sum))).collect();
}

/// Calls `with` for each record of a kind. Says whether all could be read.
fn each<T: Subject>(store: &Store, report: &mut Report, with: &mut dyn FnMut(String, T)) -> bool {
    let mut from = vec![T::TAG];
    loop {
        let rows = match store.kv().scan("state", &from, &[T::TAG], PAGE) {
            Ok(rows) => rows,
            Err(error) => {
                report.find("state", error.to_string());
                return false;
            }
        };
        for (key, bytes) in &rows {
            let currency = String::from_utf8_lossy(&key[key.len().saturating_sub(3)..]).into_owned();
            match Record::<T>::decode(bytes) {
                Ok(record) => with(currency, record.value),
                Err(reason) => report.find(format!("state {}", hex::encode(key)), reason),
            }
        }
        match rows.last() {
            Some((last, _)) if rows.len() == PAGE => from = [last.as_slice(), &[0]].concat(),
            _ => return true,
        }
    }
}
