//! The plots of docs/performance.md: how the costs grow with the number of autoscalers.

use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use plotters::prelude::*;

use super::row::{Row, read};

const SIZE: (u32, u32) = (760, 420);
const FONT: &str = "sans-serif";

/// What is plotted over the number of autoscalers, from the rows of the scenario `steady`.
struct Plot {
    file: &'static str,
    caption: &'static str,
    /// The figure's name in the raw part of a row.
    figure: &'static str,
    /// What the target allows for so many autoscalers.
    allowed: fn(f64) -> f64,
    allowed_as: &'static str,
}

const PLOTS: [Plot; 2] = [
    Plot {
        file: "cpu.svg",
        caption: "CPU of the service in percent of one core",
        figure: "cpu_percent",
        allowed: |autoscalers| autoscalers / 2_000.0,
        allowed_as: "the target: 5 % for 10,000",
    },
    Plot {
        file: "memory.svg",
        caption: "Resident memory of the service in MiB",
        figure: "rss_mib",
        allowed: |autoscalers| autoscalers * 256.0 / 10_000.0,
        allowed_as: "the target: 256 MiB for 10,000",
    },
];

/// Draws the plots of a file of rows into a folder.
pub fn draw_all(rows: &Path, folder: &Path) -> anyhow::Result<()> {
    let rows = read(rows)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for plot in &PLOTS {
        let mut points: Vec<_> = rows.iter().filter_map(|row| point(row, plot.figure)).collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        if points.len() < 2 {
            bail!(
                "there are {} rows of `steady` with {}: run it for 100, 1000, 10000 and 50000",
                points.len(),
                plot.figure
            );
        }
        let path = folder.join(plot.file);
        draw(plot, &points, &path).map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

/// The number of autoscalers and the figure, if the row is one of the plain scenario `steady`.
fn point(row: &Row, figure: &str) -> Option<(f64, f64)> {
    if row.raw["scenario"] != "steady" || row.raw["overlapping"] == true {
        return None;
    }
    Some((row.raw["autoscalers"].as_f64()?, row.raw[figure].as_f64()?))
}

fn draw(plot: &Plot, points: &[(f64, f64)], path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let most = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).fold(f64::MIN, f64::max);
    let least = points.iter().map(|(_, y)| *y).fold(f64::MAX, f64::min);
    let (x_most, y_most) = (most(|(x, _)| *x), most(|(_, y)| *y));
    let y_range = (least.min((plot.allowed)(points[0].0)) / 2.0)..(y_most.max((plot.allowed)(x_most)) * 2.0);
    let mut chart = ChartBuilder::on(&root)
        .caption(plot.caption, (FONT, 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d((points[0].0 / 1.3..x_most * 1.3).log_scale(), y_range.log_scale())?;
    let number = |value: &f64| if *value >= 1.0 { format!("{value:.0}") } else { format!("{value}") };
    chart
        .configure_mesh()
        .x_desc("autoscalers, two pods each")
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .draw()?;
    let allowed = points.iter().map(|(x, _)| (*x, (plot.allowed)(*x)));
    chart
        .draw_series(LineSeries::new(allowed, &BLACK.mix(0.4)))?
        .label(plot.allowed_as)
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], BLACK.mix(0.4)));
    chart
        .draw_series(LineSeries::new(points.iter().copied(), BLUE.stroke_width(2)).point_size(4))?
        .label("measured")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], BLUE.stroke_width(2)));
    chart.draw_series(points.iter().map(|(x, y)| {
        Text::new(format!("{y:.3}").trim_end_matches('0').trim_end_matches('.').to_owned(), (*x, y * 1.15), (FONT, 13))
    }))?;
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}
