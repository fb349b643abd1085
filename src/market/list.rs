//! Lists of the marketplace, read page by page and printed as they come: however long one is, all of it
//! is shown, and no more of it is held than [`ROWS_AT_ONCE`].

use super::{Market, PAGE_ROWS};
use crate::{
    context::Context,
    output::{List, ROWS_AT_ONCE},
    problem::Problem,
};
use serde_json::Value;

/// The pages of a list, one after another.
pub struct Pages {
    market: Market,
    path: &'static str,
    query: Vec<(&'static str, String)>,
    token: Option<String>,
    cursor: Option<String>,
    over: bool,
}

impl Pages {
    pub(super) fn new(
        market: &Market,
        path: &'static str,
        query: &[(&'static str, &str)],
        token: Option<&str>,
    ) -> Self {
        let query = query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let (market, token) = (market.clone(), token.map(str::to_owned));
        Self { market, path, query, token, cursor: None, over: false }
    }

    /// The next rows; `None` after the last.
    ///
    /// # Errors
    /// What the marketplace says is wrong, also where a list leads round in a circle.
    pub async fn next(&mut self) -> Result<Option<Vec<Value>>, Problem> {
        if self.over {
            return Ok(None);
        }
        let limit = PAGE_ROWS.to_string();
        let query = self.query.iter().map(|(name, value)| (*name, value.as_str()));
        let paging = [Some(("limit", limit.as_str())), self.cursor.as_deref().map(|cursor| ("cursor", cursor))];
        let page =
            self.market.page(self.path, query.chain(paging.into_iter().flatten()), self.token.as_deref()).await?;
        // A page without rows that names another would be asked for without end.
        if page.next.is_some() && (page.next == self.cursor || page.rows.is_empty()) {
            return Err(self.market.strange("a list that does not go on"));
        }
        self.over = page.next.is_none();
        self.cursor = page.next;
        Ok(Some(page.rows))
    }

    /// Prints all rows as a table of some of their fields, or as JSON.
    ///
    /// # Errors
    /// As [`Pages::next`]. What was printed before stays without its end, so that nobody takes it for all.
    pub async fn print(mut self, context: &Context, columns: &[(&str, &str)]) -> Result<(), Problem> {
        if context.is_inside() {
            let mut rows = Vec::new();
            while let Some(more) = self.next().await? {
                rows.extend(more);
            }
            context.print(&rows, String::new);
            return Ok(());
        }
        let mut list = List::new(context.json(), columns, std::io::stdout());
        while let Some(rows) = self.next().await? {
            list.add(rows);
        }
        list.end();
        Ok(())
    }
}

const _: () = assert!(PAGE_ROWS <= ROWS_AT_ONCE);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    /// A marketplace with one list of `rows` rows, whose cursors are numbers.
    async fn serve(listener: TcpListener, rows: usize) {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let asked = |name: &str| {
                let rest = head.split(&format!("{name}=")).nth(1)?;
                rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok()
            };
            let (from, limit) = (asked("cursor").unwrap_or(0), asked("limit").unwrap());
            let end = (from + limit).min(rows);
            let items: Vec<Value> = (from..end).map(|at| json!({ "id": at, "agreement": { "n": at } })).collect();
            let next = (end < rows).then(|| end.to_string());
            let body = json!({ "items": items, "next": next, "height": 1 }).to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    async fn printed(rows: usize, json: bool) -> String {
        drop(rustls::crypto::ring::default_provider().install_default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let market = Market::new(format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let server = tokio::spawn(serve(listener, rows));
        let mut pages = Pages::new(&market, "/api/v1/agreements", &[("side", "sold")], None);
        let mut out = Vec::new();
        let mut list = List::new(json, &[("agreement", "id"), ("number", "agreement.n")], &mut out);
        while let Some(more) = pages.next().await.unwrap() {
            list.add(more);
        }
        list.end();
        server.abort();
        String::from_utf8(out).unwrap()
    }

    #[tokio::test]
    async fn a_list_is_shown_whole_however_long_it_is() {
        for rows in [0, 1, 200, 201, 2 * ROWS_AT_ONCE + 450] {
            let text = printed(rows, true).await;
            let all: Vec<Value> = serde_json::from_str(&text).unwrap();
            let ids = all.iter().map(|row| row["id"].as_u64().unwrap() as usize);
            assert!(ids.eq(0..rows), "{rows} rows");
            assert_eq!(text.trim_end(), serde_json::to_string_pretty(&all).unwrap(), "as one value");
            let table = printed(rows, false).await;
            assert_eq!(table.lines().count(), rows + 1, "a head and each row");
            assert!(table.lines().last().unwrap().contains(&rows.saturating_sub(1).to_string()) || rows == 0);
        }
    }
}
