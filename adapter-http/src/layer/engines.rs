//! Where a connection that outlasts its admission finds its engine.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::admit::Engine;
use super::binding::EngineId;

/// The engines of the process. A request holds the number of its engine alone, so that admitting it writes to no reference
/// count that threads share; a connection that outlasts its admission finds the engine here.
static ENGINES: Mutex<Vec<Weak<dyn Engine>>> = Mutex::new(Vec::new());

pub(crate) fn register(engine: &Arc<dyn Engine>) {
    let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    engines.retain(|engine| engine.strong_count() > 0);
    engines.push(Arc::downgrade(engine));
}

pub(crate) fn engine_of(id: EngineId) -> Option<Arc<dyn Engine>> {
    let engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    // An engine that is dropped here, as the last, takes no lock of these.
    engines
        .iter()
        .filter_map(Weak::upgrade)
        .find(|engine| engine.id() == id)
}
