//! Points in little memory: each number of a point is in a column of its own, and a column in which all are the same takes
//! none. Most are: a workload keeps its replicas for hours, and few have targets for all four metrics.

use std::collections::VecDeque;
use std::iter::repeat_n;

use super::{Level, Point};

/// A point in twelve bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    counts: [u16; 2],
    levels: [u16; 4],
}

/// So many numbers are in a point.
const NUMBERS: usize = 6;

/// More replicas than any cluster has of one workload are as good as unknown.
const NO_COUNT: u16 = u16::MAX;
const NO_LEVEL: u16 = 0x7fff;
const IS_SIMULATED: u16 = 0x8000;

impl Packed {
    pub(super) const GAP: Self = Self { counts: [NO_COUNT; 2], levels: [NO_LEVEL; 4] };

    pub(super) fn unpack(self) -> Point {
        let count = |count: u16| (count != NO_COUNT).then_some(count.into());
        let [current, recommended] = self.counts.map(count);
        let levels = self.levels.map(|level| {
            let percent = level & !IS_SIMULATED;
            (percent != NO_LEVEL).then_some(Level { percent: percent.into(), simulated: level & IS_SIMULATED != 0 })
        });
        Point { current, recommended, levels }
    }

    fn numbers(self) -> [u16; NUMBERS] {
        let Self { counts: [current, recommended], levels: [cpu, memory, gpu, gpu_memory] } = self;
        [current, recommended, cpu, memory, gpu, gpu_memory]
    }

    fn of([current, recommended, cpu, memory, gpu, gpu_memory]: [u16; NUMBERS]) -> Self {
        Self { counts: [current, recommended], levels: [cpu, memory, gpu, gpu_memory] }
    }
}

impl From<&Point> for Packed {
    fn from(point: &Point) -> Self {
        let count = |count: Option<u32>| count.and_then(|count| u16::try_from(count).ok()).unwrap_or(NO_COUNT);
        let level = |level: Option<Level>| {
            let Some(Level { percent, simulated }) = level else { return NO_LEVEL };
            let percent = u16::try_from(percent).unwrap_or(u16::MAX).min(NO_LEVEL - 1);
            if simulated { percent | IS_SIMULATED } else { percent }
        };
        Self { counts: [count(point.current), count(point.recommended)], levels: point.levels.map(level) }
    }
}

/// The latest points, oldest first.
#[derive(Debug)]
pub(super) struct Points {
    bound: usize,
    len: usize,
    columns: [Column; NUMBERS],
}

impl Points {
    /// No points, and never more than `bound`.
    pub(super) fn new(bound: usize) -> Self {
        Self { bound, len: 0, columns: Packed::GAP.numbers().map(Column::Same) }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_full(&self) -> bool {
        self.len >= self.bound
    }

    fn get(&self, index: usize) -> Option<Packed> {
        let mut numbers = [0; NUMBERS];
        for (number, column) in numbers.iter_mut().zip(&self.columns) {
            *number = column.get(index)?;
        }
        (index < self.len).then(|| Packed::of(numbers))
    }

    pub(super) fn first(&self) -> Option<Packed> {
        self.get(0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Packed> {
        (0..self.len).filter_map(|index| self.get(index))
    }

    /// Adds one at the end.
    pub(super) fn push(&mut self, point: Packed) {
        for (column, number) in self.columns.iter_mut().zip(point.numbers()) {
            column.push(number, self.len, self.bound);
        }
        self.len += 1;
    }

    /// Removes the oldest.
    pub(super) fn pop_first(&mut self) -> Option<Packed> {
        let first = self.first()?;
        self.columns.iter_mut().for_each(Column::pop_first);
        self.len -= 1;
        Some(first)
    }

    /// Removes the latest, if there is one.
    pub(super) fn pop_last(&mut self) {
        if self.len > 0 {
            self.columns.iter_mut().for_each(Column::pop_last);
            self.len -= 1;
        }
    }

    /// About how many bytes it holds beside itself.
    pub(super) fn bytes(&self) -> usize {
        self.columns.iter().map(Column::bytes).sum()
    }
}

/// One number of each point.
#[derive(Debug)]
enum Column {
    Same(u16),
    #[expect(clippy::box_collection, reason = "of the twelve columns of an autoscaler most have none")]
    Each(Box<VecDeque<u16>>),
}

impl Column {
    fn get(&self, index: usize) -> Option<u16> {
        match self {
            Self::Same(same) => Some(*same),
            Self::Each(each) => each.get(index).copied(),
        }
    }

    /// Adds a number to the `len` that there are.
    fn push(&mut self, number: u16, len: usize, bound: usize) {
        match self {
            _ if len == 0 => *self = Self::Same(number),
            Self::Same(same) if *same == number => {}
            Self::Same(same) => {
                let mut each: VecDeque<_> = repeat_n(*same, len).collect();
                push(&mut each, number, bound);
                *self = Self::Each(Box::new(each));
            }
            Self::Each(each) => push(each, number, bound),
        }
    }

    fn pop_first(&mut self) {
        if let Self::Each(each) = self {
            each.pop_front();
        }
    }

    fn pop_last(&mut self) {
        if let Self::Each(each) = self {
            each.pop_back();
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Same(_) => 0,
            Self::Each(each) => size_of::<VecDeque<u16>>() + each.capacity() * size_of::<u16>(),
        }
    }
}

/// Adds an item, taking no more memory than `bound` items need.
pub(super) fn push<T>(items: &mut VecDeque<T>, item: T, bound: usize) {
    if items.len() == items.capacity() {
        let more = items.len().max(4).min(bound.saturating_sub(items.len()));
        items.reserve_exact(more);
    }
    items.push_back(item);
}
