//! Looks into a database behind the server's back.

use colonnade::db::Place;
use colonnade::db::connection::Purpose;
use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(diesel::QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    t: String,
}

fn load<T>(url: &str, query: &str) -> Vec<T>
where
    T: diesel::deserialize::QueryableByName<colonnade::db::MultiBackend> + 'static,
{
    let place = Place::parse(url).expect("a URL");
    let mut conn = place.connect(Purpose::Write).expect("a connection");
    diesel::sql_query(query)
        .load(&mut conn)
        .unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// The one number that a query gives as `n`.
pub fn number(url: &str, query: &str) -> i64 {
    let rows: Vec<Number> = load(url, query);
    rows.first().expect("a row").n
}

/// The texts that a query gives as `t`.
pub fn texts(url: &str, query: &str) -> Vec<String> {
    let rows: Vec<Word> = load(url, query);
    rows.into_iter().map(|row| row.t).collect()
}
