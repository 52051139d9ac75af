//! What is easier to see than to read: the times of a group's rows, as SVG.

use std::error::Error;

use plotters::prelude::*;

const SIZE: (u32, u32) = (760, 400);
const FONT: (&str, u32) = ("sans-serif", 14);

/// A picture of some rows of a group.
pub struct Plot {
    /// The name of its file, without the extension.
    pub file: &'static str,
    title: &'static str,
    unit: Unit,
    kind: Kind,
}

enum Kind {
    /// Against the number of tenants, which grows by powers of ten.
    Growth(Vec<Line>),
    /// One row beneath the other.
    Bars(Vec<Bar>),
}

/// A name, and the rows by the number of tenants.
struct Line {
    name: &'static str,
    rows: Vec<(usize, String)>,
}

/// What it is called in the picture, and the row.
struct Bar {
    name: String,
    row: String,
}

/// What a time is shown in.
#[derive(Clone, Copy)]
pub enum Unit {
    /// 10⁻⁹ s.
    Nanoseconds,
    /// 10⁻⁶ s.
    Microseconds,
}

impl Unit {
    const fn nanoseconds(self) -> f64 {
        match self {
            Self::Nanoseconds => 1.0,
            Self::Microseconds => 1e3,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "µs",
        }
    }
}

impl Plot {
    /// Lines against the number of tenants.
    pub(crate) const fn growth(file: &'static str, title: &'static str, unit: Unit) -> Self {
        Self {
            file,
            title,
            unit,
            kind: Kind::Growth(Vec::new()),
        }
    }

    /// Bars, one beneath the other.
    pub(crate) const fn bars(file: &'static str, title: &'static str, unit: Unit) -> Self {
        Self {
            file,
            title,
            unit,
            kind: Kind::Bars(Vec::new()),
        }
    }

    /// Adds a line of a growth.
    pub(crate) fn line(mut self, name: &'static str, rows: impl IntoIterator<Item = (usize, String)>) -> Self {
        if let Kind::Growth(lines) = &mut self.kind {
            let rows = rows.into_iter().collect();
            lines.push(Line { name, rows });
        }
        self
    }

    /// Adds a bar.
    pub(crate) fn bar(mut self, name: impl Into<String>, row: impl Into<String>) -> Self {
        if let Kind::Bars(bars) = &mut self.kind {
            let (name, row) = (name.into(), row.into());
            bars.push(Bar { name, row });
        }
        self
    }

    /// Draws the rows whose time is known, in nanoseconds. A row that was left out is left out here.
    pub(crate) fn draw(&self, nanoseconds: impl Fn(&str) -> Option<f64>) -> String {
        let time = |row: &str| nanoseconds(row).map(|time| time / self.unit.nanoseconds());
        let mut svg = String::new();
        let drawn = match &self.kind {
            Kind::Growth(lines) => self.draw_lines(&mut svg, lines, time),
            Kind::Bars(bars) => self.draw_bars(&mut svg, bars, time),
        };
        drawn.unwrap();
        svg
    }

    fn draw_lines(
        &self,
        svg: &mut String,
        lines: &[Line],
        time: impl Fn(&str) -> Option<f64>,
    ) -> Result<(), Box<dyn Error>> {
        let points = lines.iter().map(|line| {
            let known = line
                .rows
                .iter()
                .filter_map(|(tenants, row)| Some((*tenants as f64, time(row)?)));
            (line.name, known.collect::<Vec<_>>())
        });
        let points: Vec<_> = points.collect();
        let all = || points.iter().flat_map(|(_, points)| points);
        let most = all().map(|(_, time)| *time).fold(1e-3, f64::max);
        let widest = all().map(|(tenants, _)| *tenants).fold(10.0, f64::max);
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, FONT)
            .margin(12)
            .margin_right(48)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d((1.0..widest).log_scale(), 0.0..most * 1.1)?;
        chart
            .configure_mesh()
            .x_desc("tenants")
            .y_desc(self.unit.name())
            .x_label_formatter(&|tenants| with_commas(*tenants))
            .y_label_formatter(&|time| {
                if most < 10.0 {
                    format!("{time:.1}")
                } else {
                    with_commas(*time)
                }
            })
            .disable_x_mesh()
            .light_line_style(WHITE)
            .draw()?;
        for (place, (name, points)) in points.iter().enumerate() {
            let color = Palette99::pick(place).to_rgba();
            chart
                .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(3))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        root.present()?;
        Ok(())
    }

    fn draw_bars(
        &self,
        svg: &mut String,
        bars: &[Bar],
        time: impl Fn(&str) -> Option<f64>,
    ) -> Result<(), Box<dyn Error>> {
        let known = bars.iter().filter_map(|bar| Some((bar.name.as_str(), time(&bar.row)?)));
        let known: Vec<_> = known.collect();
        let most = known.iter().map(|(_, time)| *time).fold(1e-3, f64::max);
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, FONT)
            .margin(12)
            .x_label_area_size(40)
            .build_cartesian_2d(0.0..most * 1.1, 0.0..known.len() as f64)?;
        chart
            .configure_mesh()
            .disable_y_axis()
            .disable_y_mesh()
            .x_label_formatter(&|time| with_commas(*time))
            .light_line_style(WHITE)
            .x_desc(self.unit.name())
            .draw()?;
        for (place, (name, time)) in known.iter().enumerate() {
            // The first is the topmost.
            let floor = (known.len() - 1 - place) as f64;
            let color = Palette99::pick(usize::from(place > 0)).mix(0.7);
            chart.draw_series([Rectangle::new(
                [(0.0, floor + 0.08), (*time, floor + 0.5)],
                color.filled(),
            )])?;
            let label = format!("{name}: {time:.0} {}", self.unit.name());
            chart.draw_series([Text::new(label, (0.0, floor + 0.92), FONT)])?;
        }
        root.present()?;
        Ok(())
    }
}

/// 1,000,000 and not 1000000.
fn with_commas(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_drawn_and_what_was_left_out_is_not() {
        let growth = Plot::growth("growth", "Growth", Unit::Microseconds)
            .line("uniform", [(1, "one".to_owned()), (1_000_000, "many".to_owned())])
            .line("not measured", [(1, "other".to_owned())]);
        let svg = growth.draw(|row| ["one", "many"].contains(&row).then_some(2_000.0));
        assert!(svg.contains("1,000,000") && svg.contains("µs") && svg.contains("uniform"));
        assert_eq!(svg.matches("<circle").count(), 2, "a point for each row");

        let bars = Plot::bars("bars", "Bars", Unit::Nanoseconds)
            .bar("the first", "one")
            .bar("the second", "other");
        let svg = bars.draw(|row| (row == "one").then_some(17.0));
        assert!(svg.contains("the first: 17 ns") && !svg.contains("the second"));
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (1.0, "1"),
            (100.0, "100"),
            (1e3, "1,000"),
            (123_456.0, "123,456"),
            (1e6, "1,000,000"),
        ] {
            assert_eq!(with_commas(number), text);
        }
    }
}
