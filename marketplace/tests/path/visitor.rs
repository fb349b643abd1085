//! A browser without script: links, forms, one cookie jar.

use super::support::{World, http};
use contracts::party::Role;
use marketplace::{market::clock_ms, repeats::First};
use reqwest::{Method, StatusCode, header};
use std::sync::Mutex;

/// A browser: follows redirects, keeps cookies, runs nothing.
pub struct Visitor<'a> {
    pub world: &'a World,
    pub http: reqwest::Client,
    pub cookies: Mutex<Vec<(String, String)>>,
}

/// What was loaded.
pub struct Loaded {
    pub status: StatusCode,
    pub path: String,
    pub headers: header::HeaderMap,
    pub bytes: Vec<u8>,
    pub html: String,
}

impl<'a> Visitor<'a> {
    pub fn new(world: &'a World) -> Self {
        let http = http().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { world, http, cookies: Mutex::default() }
    }

    pub async fn get(&self, path: &str) -> Loaded {
        self.load(Method::GET, path, None).await
    }

    /// Sends the form whose action begins with `action`, with its hidden fields and `values`.
    pub async fn send(&self, page: &Loaded, action: &str, values: &[(&str, &str)]) -> Loaded {
        let (address, hidden) = page.form(action);
        let all: Vec<(&str, &str)> =
            hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(values.iter().copied()).collect();
        let body = all.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&");
        self.load(Method::POST, &address, Some(("application/x-www-form-urlencoded".into(), body.into_bytes()))).await
    }

    /// Sends fields to an address, without a page that has the form.
    pub async fn post(&self, path: &str, fields: String) -> Loaded {
        let kind = "application/x-www-form-urlencoded".to_string();
        self.load(Method::POST, path, Some((kind, fields.into_bytes()))).await
    }

    /// Sends the form with a file.
    pub async fn send_file(&self, page: &Loaded, action: &str, values: &[(&str, &str)], file: &[u8]) -> Loaded {
        let (address, hidden) = page.form(action);
        let fields = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(values.iter().copied());
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend(
                format!("--bb\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes(),
            );
        }
        body.extend(b"--bb\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../x.csv\"\r\nContent-Type: text/csv\r\n\r\n");
        body.extend(file);
        body.extend(b"\r\n--bb--\r\n");
        self.load(Method::POST, &address, Some(("multipart/form-data; boundary=bb".into(), body))).await
    }

    async fn load(&self, method: Method, path: &str, body: Option<(String, Vec<u8>)>) -> Loaded {
        let (mut method, mut path, mut body) = (method, path.to_string(), body);
        for _ in 0..5 {
            let cookies =
                self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
            let mut request =
                self.http.request(method.clone(), self.world.url(&path)).header(header::COOKIE, cookies.join("; "));
            request = request.header(header::ACCEPT, "text/html");
            if let Some((kind, bytes)) = body.take() {
                let origin = self.world.url("");
                request = request.header(header::CONTENT_TYPE, kind).header(header::ORIGIN, origin).body(bytes);
            }
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status(), answer.headers().clone());
            self.keep(&headers);
            if status.is_redirection() {
                (method, path) = (Method::GET, headers[header::LOCATION].to_str().unwrap().to_string());
                continue;
            }
            let bytes = answer.bytes().await.unwrap().to_vec();
            let html = String::from_utf8_lossy(&bytes).into_owned();
            return Loaded { status, path, headers, bytes, html };
        }
        panic!("{path} leads round and round");
    }

    fn keep(&self, headers: &header::HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict"), "{text}");
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            let mut all = self.cookies.lock().unwrap();
            all.retain(|(known, _)| known != name);
            if !value.is_empty() {
                all.push((name.into(), value.into()));
            }
        }
    }

    pub async fn sign_in(&self, link: &str) -> Loaded {
        let page = self.get(link.trim_start_matches(&self.world.url(""))).await.is("sign-in");
        self.send(&page, "/sign-in", &[]).await
    }
}

impl Loaded {
    pub fn is(self, page: &str) -> Self {
        assert!(
            self.html.contains(&format!("<body data-page=\"{page}\">")),
            "no `{page}` at {}:\n{}",
            self.path,
            self.main()
        );
        assert_eq!(self.html.matches("<h1").count(), 1);
        let policy = self.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        self
    }

    pub fn says(&self, text: &str) -> &Self {
        assert!(self.html.contains(text), "no `{text}` at {}:\n{}", self.path, self.main());
        self
    }

    pub fn main(&self) -> &str {
        self.html.find("<main").map_or(self.html.as_str(), |at| &self.html[at..])
    }

    /// Address and hidden fields of a form.
    pub fn form(&self, action: &str) -> (String, Vec<(String, String)>) {
        let start = self
            .html
            .find(&format!("action=\"{action}"))
            .unwrap_or_else(|| panic!("no form {action} at {}:\n{}", self.path, self.main()));
        let rest = &self.html[start + 8..];
        let address = rest.split('"').next().unwrap().to_string();
        let form = &rest[..rest.find("</form>").unwrap()];
        let hidden = form.split("<input type=\"hidden\" name=\"").skip(1).map(|text| {
            let (name, rest) = text.split_once("\" value=\"").unwrap();
            (name.to_string(), rest.split('"').next().unwrap().to_string())
        });
        (address, hidden.collect())
    }

    /// The link that is called `name`.
    pub fn link_called(&self, name: &str) -> String {
        let end = self.html.find(&format!(">{name}</a>")).unwrap_or_else(|| panic!("no link {name} at {}", self.path));
        let tag = &self.html[self.html[..end].rfind("href=\"").unwrap() + 6..];
        tag.split('"').next().unwrap().split('#').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
    }

    /// The first link that begins with `start`.
    pub fn link(&self, start: &str) -> String {
        let at = self
            .html
            .find(&format!("href=\"{start}"))
            .unwrap_or_else(|| panic!("no link {start} at {}:\n{}", self.path, self.main()));
        self.html[at + 6..].split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub async fn signed_in<'a>(
    world: &'a World,
    name: &str,
    roles: &[Role],
) -> (Visitor<'a>, contracts::id::PartyId, String) {
    let (party, token) = world.member(name, roles).await;
    let link = world.market().keys().issue_link(&party, &First::without_key(), clock_ms()).unwrap();
    let visitor = Visitor::new(world);
    visitor.sign_in(&format!("/sign-in?token={}", link.token)).await.is("account").says(name);
    (visitor, party, token)
}
