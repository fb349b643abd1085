//! The market's pages as a browser without script uses them: links, forms, one cookie jar.

use super::{
    support::{World, jacket},
    visitor::{Loaded, Visitor, signed_in},
};
use contracts::{party::Role, vocabulary::*};
use reqwest::{StatusCode, header};

#[tokio::test(flavor = "multi_thread")]
async fn from_an_application_to_bytes_without_script() {
    let world = World::start().await;
    let (operator, ..) = signed_in(&world, "Desk of the market", &[Role::Operator]).await;

    let provider = Visitor::new(&world);
    let form = provider.get("/apply").await.is("apply");
    let wrong = provider.send(&form, "/apply", &[("name", "Reed <b>&"), ("country", "Spain")]).await.is("apply");
    wrong.says("Please look again at 2 things").says("href=\"#f-country\"").says("value=\"Reed &#60;b&#62;&#38;\"");
    let values = [("name", "Reed and Sons"), ("country", "es"), ("kind", "business"), ("contact", "office")];
    let applied = provider.send(&form, "/apply", &values).await.is("applied");
    applied.says("Reed and Sons has applied");
    let twice = provider.send(&form, "/apply", &values).await.is("applied");
    assert_eq!(twice.path, applied.path, "a second click is the same application");
    let party = applied.path.trim_start_matches("/applied/").to_string();

    let members = operator.get("/operate").await.is("operate");
    members.says("Reed and Sons").says("<dd class=\"lines\">office</dd>");
    let none = operator.send(&members, &format!("/operate/{party}/admit"), &[]).await.is("decide");
    none.says("Choose at least one role");
    let roles = [("roles", "provider"), ("roles", "buyer")];
    let members = operator.send(&members, &format!("/operate/{party}/admit"), &roles).await.is("operate");
    members.says("Admitted.");
    let link = operator.send(&members, &format!("/operate/{party}/link"), &[]).await.is("link");
    let start = link.html.find("<code>http").unwrap() + 6;
    let link = link.html[start..].split('<').next().unwrap().to_string();
    provider.sign_in(&link).await.is("account").says("Reed and Sons");
    let stranger = Visitor::new(&world);
    stranger.sign_in(&link).await.is("sign-in").says("was used before");

    let listing = publish(&provider).await;
    let id = listing.path.trim_start_matches("/provide/").split('?').next().unwrap().to_string();
    listing.says("No content yet");
    let content = b"hour,boats\n1,7\r\n--b\r\n2,9\n".repeat(9_000);
    let none =
        provider.send_file(&listing, &format!("/provide/{id}/upload"), &[("media_type", "")], b"").await.is("listing");
    none.says("Choose a file");
    let listing = provider
        .send_file(&listing, &format!("/provide/{id}/upload"), &[("media_type", "")], &content)
        .await
        .is("listing");
    listing.says("The version is on the ledger").says(&hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&content)));
    let form = provider.get(&format!("/provide/{id}/offer")).await.is("offer");
    let none = provider
        .send(&form, &format!("/provide/{id}/offer"), &[("form", "one-off"), ("amount", "12,50"), ("currency", "EUR")])
        .await
        .is("offer");
    none.says("is not an amount").says("Choose purposes");
    let terms =
        [("any", "yes"), ("onward", "derived-only"), ("form", "one-off"), ("amount", "12.50"), ("currency", "eur")];
    provider.send(&form, &format!("/provide/{id}/offer"), &terms).await.is("listing").says("The offer is open");

    buy(&world, &id, &content).await;
    let sold = provider.get("/agreements?side=sold").await.is("agreements");
    sold.says("Water desk").says("12.50 EUR");
    provider.get("/account").await.is("account").says("+12.50 EUR");
}

pub async fn publish<'a>(provider: &Visitor<'a>) -> Loaded {
    let form = provider.get("/provide/new").await.is("publish");
    provider
        .send(&form, "/provide/new", &[("title", ""), ("identifier", "boats")])
        .await
        .is("publish")
        .says("Enter a title");
    let values = [
        ("catalogue", "main"),
        ("identifier", "boats"),
        ("title", "Boats in the harbour by hour"),
        ("outline", "Counted at the lock."),
        ("variables", "hour; integer\nboats; integer; 1; boats that passed"),
        ("formats", "CSV"),
        ("keywords", "harbour, boats"),
        ("spectrum", "shared"),
        ("access", "public"),
        ("personal", "none"),
        ("framework_class", "thematic"),
        ("categories", "movement"),
        ("insight_levels", "operational"),
        ("insight_levels", "analytical"),
        ("roles", "data-owner"),
        ("processing", "raw"),
        ("usage", "temporal"),
        ("structure", "structured"),
        ("quadrant", "traded"),
        ("sensitivity", "public"),
        ("spatial", "Cádiz"),
        ("temporal", "2025"),
        ("refresh", "R/P1D"),
    ];
    let listing = provider.send(&form, "/provide/new", &values).await.is("listing");
    listing.says("The listing is on the ledger");
    assert!(!listing.html.contains("Not ready to be offered"), "{}", listing.main());
    let again = provider.send(&form, "/provide/new", &values).await.is("publish");
    again.says("under this identifier already");
    listing
}

async fn buy(world: &World, id: &str, content: &[u8]) {
    let (buyer, party, _) = signed_in(world, "Water desk", &[Role::Buyer]).await;
    world.mint(party, 2_000, "EUR").await;
    let found = buyer.get("/search?q=boats").await.is("search");
    found.says("1 listing").says("Boats in the harbour by hour").says("12.50 EUR");
    let page = buyer.get(&found.link(&format!("/datasets/{id}"))).await.is("dataset");
    page.says("Counted at the lock.").says("boats that passed").says("Daily (R/P1D)").says("Get a price");
    let (confirm, _) = page.form("/offers/");
    let page = buyer.get(&format!("{confirm}?purpose=planning")).await.is("confirm");
    page.says("Facilitating urban planning")
        .says("After the purchase")
        .says("7.50 EUR")
        .says("also if the offer changes");
    let licence = buyer.send(&page, "/offers/", &[]).await.is("licence");
    licence.says("The licence is yours").says("in force");
    let again = buyer.send(&page, "/offers/", &[]).await.is("licence");
    assert_eq!(again.path, licence.path, "the same form sent twice buys once");
    buyer.get("/account").await.is("account").says("−12.50 EUR").says("7.50 EUR").says("Boats in the harbour");
    let file = buyer.send(&licence, "/agreements/", &[]).await;
    assert_eq!(file.status, StatusCode::OK, "{}", file.html);
    assert_eq!(file.bytes, content, "the bytes that were uploaded come back");
    assert_eq!(file.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"boats-v1.csv\"");
    assert_eq!(file.headers[header::CONTENT_TYPE], "text/csv");
    buyer.get(&licence.path).await.is("licence").says("Version 1</td>");
    let receipt = buyer.get(&licence.link("/agreements/")).await;
    assert!(
        receipt.status == StatusCode::OK && !receipt.bytes.is_empty() && receipt.bytes.len() <= 4_096,
        "{}",
        receipt.bytes.len()
    );
    let poor = buyer.get(&format!("{confirm}?purpose=planning")).await.is("confirm");
    poor.says("Pay in first").says("This cannot be bought now");
    let ended = buyer
        .send(&buyer.get(&licence.path).await, &format!("{}/end", licence.path.split('?').next().unwrap()), &[])
        .await
        .is("licence");
    ended.says("given back").says("Nothing can be downloaded");
    let out = buyer.send(&ended, "/sign-out", &[]).await.is("home");
    assert!(!out.html.contains("Water desk"), "{}", out.html);
    buyer.get(&licence.path).await.is("sign-in").says("sign in first");
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_of_others_are_refused() {
    let world = World::start().await;
    let (visitor, ..) = signed_in(&world, "Harbour office", &[Role::Provider]).await;
    let page = visitor.get("/provide/new").await.is("publish");
    let (_, hidden) = page.form("/provide/new");
    let token = &hidden.iter().find(|(name, _)| name == "csrf").unwrap().1;
    let cookies = visitor
        .cookies
        .lock()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("; ");
    let own = world.url("");
    for (token, origin, site) in [
        ("", own.as_str(), None),
        ("x".repeat(token.len()).as_str(), own.as_str(), None),
        (token.as_str(), "https://elsewhere.example", None),
        (token.as_str(), "null", None),
        (token.as_str(), own.as_str(), Some("cross-site")),
        (token.as_str(), own.as_str(), Some("same-site")),
    ] {
        for path in ["/provide/new", "/sign-out", "/operate/00/admit", "/consents"] {
            let request = world.http.post(world.url(path)).header("cookie", &cookies).header("origin", origin);
            let request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(format!("csrf={token}&title=x"));
            let request = site.map_or_else(
                || request.try_clone().unwrap(),
                |site| request.try_clone().unwrap().header("sec-fetch-site", site),
            );
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} {origin} {site:?}");
        }
    }
    visitor.get("/account").await.is("account");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_shown() {
    let world = World::start().await;
    let (_, party, token) = signed_in(&world, "Harbour office", &[Role::Provider]).await;
    let mut closed = jacket("Secret berths of the fleet", PersonalStatus::None);
    closed.classification.spectrum = Stated::said(Spectrum::Closed);
    closed.classification.access = Stated::NotStated;
    let id = world.publish(&(party, token), "berths", &closed).await;
    let visitor = Visitor::new(&world);
    let page = visitor.get(&format!("/datasets/{id}")).await.is("dataset-closed");
    page.says("Harbour office").says("Closed data");
    for address in [format!("/datasets/{id}"), "/".into(), "/search".into(), format!("/parties/{party}")] {
        let page = visitor.get(&address).await;
        assert!(
            !page.html.contains("Secret berths") && !page.html.contains("Hourly counts"),
            "{address} tells about closed data"
        );
    }
    for address in
        ["/datasets/zz", "/datasets/../x", "/nowhere", "/parties/00", "/search?from=x", "/search?from=99999999"]
    {
        let page = visitor.get(address).await.is("error");
        assert!(page.status.is_client_error(), "{address}: {}", page.status);
        page.says("What you can do");
    }
    world.get("/nowhere", None).await.problem(404, "not-found");
    for address in ["/account", "/agreements", "/provide", "/operate", "/consents", "/provide/new"] {
        visitor.get(address).await.is("sign-in").says("sign in first");
    }
    visitor.get("/search?q=%3Cscript%3Ealert(1)%3C/script%3E&spectrum=%22%3E").await.is("search").says("Nothing fits");
    visitor.get("/help").await.is("help").says("BalanceTooSmall");
    let sheet = visitor.get(&visitor.get("/").await.link("/assets/market.css")).await;
    assert_eq!(sheet.headers[header::CONTENT_TYPE], "text/css; charset=utf-8");
}
