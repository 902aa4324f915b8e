//! What a test or an operator can do to the exporters.

use super::exporter::ExporterFault;
use super::machine::GpuMachine;
use crate::simulation::world::World;
use crate::simulation::{SimulatedCluster, SimulationError};

impl SimulatedCluster {
    /// Makes the exporter on a machine fail in some way, instead of any way before.
    pub fn set_exporter(&self, node: &str, fault: ExporterFault) -> Result<(), SimulationError> {
        self.change_gpu_machine(node, |machine| machine.fault = Some(fault))
    }

    /// Makes the exporter on a machine serve again.
    pub fn mend_exporter(&self, node: &str) -> Result<(), SimulationError> {
        self.change_gpu_machine(node, |machine| machine.fault = None)
    }

    /// Removes the pod of the exporter on a machine, as a node selector that matches no more would.
    pub fn remove_exporter(&self, node: &str) -> Result<(), SimulationError> {
        self.change_exporter(node, |world, node| world.remove_exporter(node))
    }

    /// Puts a new exporter pod in the place of one that was removed; it has another name and another address.
    pub fn restore_exporter(&self, node: &str) -> Result<(), SimulationError> {
        self.change_exporter(node, |world, node| world.add_exporter(node, world.now))
    }

    fn change_gpu_machine(&self, node: &str, change: impl FnOnce(&mut GpuMachine)) -> Result<(), SimulationError> {
        self.change(|world| {
            let mut machines = world.gpus.machines.iter_mut();
            let machine = machines.find(|machine| machine.name == node).ok_or_else(|| no_exporter(node))?;
            change(machine);
            Ok(())
        })
    }

    fn change_exporter(
        &self,
        node: &str,
        change: impl FnOnce(&mut World, usize) -> bool,
    ) -> Result<(), SimulationError> {
        self.change(|world| {
            let mut machines = world.gpus.machines.iter();
            let place = machines.find(|machine| machine.name == node).map(|machine| machine.node);
            if place.is_some_and(|place| change(world, place)) { Ok(()) } else { Err(no_exporter(node)) }
        })
    }
}

fn no_exporter(node: &str) -> SimulationError {
    SimulationError::NoExporter(node.to_owned())
}
