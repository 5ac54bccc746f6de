//! The rows of a list as a table: CSV or an XLSX workbook.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};
use serde::Serialize;
use serde_json::Value;

use crate::db::Moment;
use crate::error::Result;

/// The most that a cell of a workbook takes, in UTF-16 units.
const LONGEST: usize = 32_767;

/// Rows with all their columns; nested values are flattened to dotted columns.
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<(String, Value)>>,
}

impl Table {
    /// # Errors
    /// When a row can't be written as JSON.
    pub fn of<T: Serialize>(rows: &[T]) -> Result<Self> {
        let mut columns: Vec<String> = Vec::new();
        let mut flat = Vec::new();
        for row in rows {
            let mut cells = Vec::new();
            let value = serde_json::to_value(row).map_err(anyhow::Error::from)?;
            flatten("", value, &mut cells);
            for (name, _) in &cells {
                if !columns.contains(name) {
                    columns.push(name.clone());
                }
            }
            flat.push(cells);
        }
        Ok(Self {
            columns,
            rows: flat,
        })
    }

    /// The cells of each row, in the order of the columns; none where a row lacks one.
    fn lines(&self) -> impl Iterator<Item = Vec<Option<&Value>>> {
        self.rows.iter().map(|cells| {
            let cell = |column: &String| {
                let found = cells.iter().find(|(name, _)| name == column);
                found.map(|(_, value)| value)
            };
            self.columns.iter().map(cell).collect()
        })
    }

    /// The table as RFC 4180 text.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn csv(&self) -> Result<Vec<u8>> {
        if self.columns.is_empty() {
            return Ok(Vec::new());
        }
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        writer
            .write_record(&self.columns)
            .map_err(anyhow::Error::from)?;
        for line in self.lines() {
            let record = line.into_iter().map(|cell| match cell {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => harmless(text),
                Some(other) => other.to_string(),
            });
            writer.write_record(record).map_err(anyhow::Error::from)?;
        }
        Ok(writer.into_inner().map_err(|e| anyhow::anyhow!("{e}"))?)
    }

    /// The table as a workbook of one sheet. A text is a cell of text, so it is never taken for a formula and stays as
    /// it is.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn xlsx(&self, name: &str, now: Moment) -> Result<Vec<u8>> {
        Ok(self.workbook(name, now).map_err(anyhow::Error::from)?)
    }

    fn workbook(&self, name: &str, now: Moment) -> std::result::Result<Vec<u8>, XlsxError> {
        let made_at = ExcelDateTime::from_timestamp(now.utc().timestamp())?;
        let mut book = Workbook::new();
        book.set_properties(&DocProperties::new().set_creation_datetime(&made_at));
        let sheet = book.add_worksheet().set_name(name)?;
        let bold = Format::new().set_bold();
        for (column, name) in (0..).zip(&self.columns) {
            sheet.write_string_with_format(0, column, name, &bold)?;
        }
        sheet.set_freeze_panes(1, 0)?;
        for (row, line) in (1..).zip(self.lines()) {
            for (column, cell) in (0..).zip(line) {
                put(sheet, row, column, cell)?;
            }
        }
        book.save_to_buffer()
    }
}

fn put(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: Option<&Value>,
) -> std::result::Result<(), XlsxError> {
    match cell {
        None | Some(Value::Null) => {}
        Some(Value::Bool(truth)) => {
            sheet.write_boolean(row, column, *truth)?;
        }
        Some(Value::Number(number)) => {
            sheet.write_number(row, column, number.as_f64().unwrap_or_default())?;
        }
        Some(Value::String(text)) => {
            sheet.write_string(row, column, shortened(text))?;
        }
        Some(list) => {
            sheet.write_string(row, column, shortened(&list.to_string()))?;
        }
    }
    Ok(())
}

/// A text that fits into a cell; what is cut off is marked by an ellipsis.
fn shortened(text: &str) -> String {
    if text.encode_utf16().count() <= LONGEST {
        return text.to_owned();
    }
    let mut room = LONGEST - 1;
    let fits = |letter: &char| {
        let left = room.checked_sub(letter.len_utf16());
        room = left.unwrap_or_default();
        left.is_some()
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

fn flatten(prefix: &str, value: Value, cells: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = if prefix.is_empty() {
                    name
                } else {
                    format!("{prefix}.{name}")
                };
                flatten(&name, field, cells);
            }
        }
        other => cells.push((prefix.to_owned(), other)),
    }
}

/// A text that a spreadsheet won't take for a formula when it reads it from CSV.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        for text in ["=1+1", "+1", "-1", "@x", "\tx"] {
            assert!(harmless(text).starts_with('\''));
        }
        assert_eq!(harmless("plain"), "plain");
    }

    #[test]
    fn rows_become_lines_and_nested_values_columns() {
        let rows = [
            serde_json::json!({"a": "x,\"y\"", "b": {"c": 1}}),
            serde_json::json!({"a": null, "d": true}),
        ];
        let table = Table::of(&rows).unwrap();
        assert_eq!(
            String::from_utf8(table.csv().unwrap()).unwrap(),
            "a,b.c,d\r\n\"x,\"\"y\"\"\",1,\r\n,,true\r\n"
        );
    }

    #[test]
    fn a_long_text_is_cut_where_a_cell_ends() {
        let fits = "🩺".repeat(LONGEST / 2) + "a";
        assert_eq!(shortened(&fits), fits);
        let cut = shortened(&(fits + "b"));
        assert_eq!(cut.encode_utf16().count(), LONGEST);
        assert!(cut.ends_with("🩺…"), "{:?}", cut.chars().next_back());
    }
}
