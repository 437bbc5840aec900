//! Facility × severity → outputs.

use std::io::{self, Write};

use logd_core::pri::Pri;
use logd_core::route::{Route, Then};
use logd_core::selector::{FACILITY_TEXT, SEVERITY_TEXT};

use crate::config::Config;

/// Prints a row for each facility and a column for each severity; outputs are numbers, which are listed below.
pub(super) fn print(config: &Config, to: &mut impl Write) -> io::Result<()> {
    let matrix = config.router.matrix();
    let cells: Vec<String> = matrix.iter().map(|routes| cell(routes)).collect();
    let severities = SEVERITY_TEXT.len();
    let widths: Vec<usize> = (0..severities)
        .map(|severity| {
            let column = cells.iter().skip(severity).step_by(severities);
            column
                .map(String::len)
                .max()
                .unwrap_or(0)
                .max(SEVERITY_TEXT[severity].len())
        })
        .collect();
    let mut row = |head: &str, cells: &mut dyn Iterator<Item = &str>| {
        write!(to, "{head:10}")?;
        for (cell, width) in cells.zip(&widths) {
            write!(to, "  {cell:width$}")?;
        }
        writeln!(to)
    };
    row("", &mut SEVERITY_TEXT.iter().copied())?;
    for (facility, cells) in FACILITY_TEXT.iter().zip(cells.chunks(severities)) {
        row(facility, &mut cells.iter().map(String::as_str))?;
    }
    writeln!(to)?;
    for (number, output) in (1..).zip(&config.outputs) {
        writeln!(to, "{number:4}  {}", output.name)?;
    }
    writeln!(to, "   ?  where a rule's `where` or `from` lets it through")?;
    writeln!(to, "   x  dropped by a rule")?;
    writeln!(to, "   -  nowhere")
}

fn cell(routes: &[Route]) -> String {
    let named = routes.iter().filter_map(|route| {
        let condition = if route.is_conditional { "?" } else { "" };
        match (route.output, route.then) {
            (Some(output), _) => Some(format!("{}{condition}", output.0 + 1)),
            (None, Then::Drop) => Some(format!("x{condition}")),
            (None, _) => None,
        }
    });
    let cell = named.collect::<Vec<_>>().join(",");
    if cell.is_empty() { "-".to_owned() } else { cell }
}

/// The columns rely on it.
const _: () = assert!(FACILITY_TEXT.len() * SEVERITY_TEXT.len() == Pri::COUNT);
