//! Made-up words and sentences, the same in a request and in the SQL that fills the database.

/// Twenty syllables; three of them make a word that stands in a few texts only.
const SYLLABLES: &str = "babebodadedogagegokakekolalelomamemonane";
const SYLLABLE: usize = 2;
const RARE: u64 = 8_000;

/// Lists of common words, each filled up to the same width, so that SQL can cut one out.
const WIDTH: usize = 12;
const KINDS: &str = "wearable    adhesive    implantable quiet       portable    predictive  ";
const THINGS: &str = "sensor      patch       application glove       platform    mattress    ";
const PEOPLE: &str = "nurses      surgeons    carers      midwives    patients    pharmacists ";
const WORRIES: &str = "falls       pain        sleep       wounds      infections  readmission ";

/// One of 8 000 words.
pub fn rare(number: u64) -> String {
    let syllable = |place: u64| {
        let at = usize::try_from(number % RARE / place % 20).unwrap_or_default() * SYLLABLE;
        SYLLABLES.get(at..at + SYLLABLE).unwrap_or_default()
    };
    [1, 20, 400].map(syllable).concat()
}

/// The same word in SQL, for an expression that gives its number.
fn rare_sql(number: &str) -> String {
    let syllable = |place: u64| {
        let at = format!("CAST(1 + {SYLLABLE} * (({number}) % {RARE} / {place} % 20) AS integer)");
        format!("substr('{SYLLABLES}', {at}, {SYLLABLE})")
    };
    [1, 20, 400].map(syllable).join(" || ")
}

fn common_sql(list: &str, number: &str) -> String {
    let count = list.len() / WIDTH;
    format!(
        "rtrim(substr('{list}', CAST(1 + {WIDTH} * (({number}) % {count}) AS integer), {WIDTH}))"
    )
}

/// The title of the text with a number, in SQL.
pub fn title_sql(number: &str) -> String {
    let (kind, thing) = (common_sql(KINDS, number), common_sql(THINGS, number));
    format!("{kind} || ' ' || {thing} || ' ' || {}", rare_sql(number))
}

/// Its summary, with two more words that are rare.
pub fn summary_sql(number: &str) -> String {
    let people = common_sql(PEOPLE, &format!("{number} / 6"));
    let worry = common_sql(WORRIES, &format!("{number} / 36"));
    let (first, second) = (
        rare_sql(&format!("{number} * 7")),
        rare_sql(&format!("{number} * 13 + 5")),
    );
    format!(
        "'It tells ' || {people} || ' of ' || {worry} || ' before anybody else notices, by the method of ' || {first}
        || ', and was tried for a year in two hospitals near ' || {second} || '.'"
    )
}
