//! Records of one sort on the graphics card. In: [`Records`] of the main world. Out: a storage buffer, sent
//! anew only when they have changed.

use bevy::prelude::*;
use bevy::render::Extract;
use bevy::render::render_resource::encase::internal::WriteInto;
use bevy::render::render_resource::encase::private::ShaderSize;
use bevy::render::render_resource::{ShaderType, StorageBuffer};
use bevy::render::renderer::{RenderDevice, RenderQueue};

use super::records::Records;

/// Records of one sort on the graphics card.
#[derive(Resource)]
pub(super) struct Buffer<T: ShaderType + ShaderSize + Send + Sync + 'static> {
    pub(super) storage: StorageBuffer<Vec<T>>,
    /// How many records there are. The buffer always holds one at least, since none cannot be bound.
    pub(super) count: u32,
    /// Revision of the records that `storage` holds, and whether they are written yet.
    pub(super) revision: Option<u64>,
    written: bool,
}

impl<T: ShaderType + ShaderSize + Default + Send + Sync + 'static> Default for Buffer<T> {
    fn default() -> Self {
        let storage = StorageBuffer::from(vec![T::default()]);
        Self { storage, count: 0, revision: None, written: false }
    }
}

/// Takes the records, if they have changed.
pub(super) fn extract_records<T>(
    records: Extract<'_, '_, Res<'_, Records<T>>>,
    mut buffer: ResMut<'_, Buffer<T>>,
) where
    T: ShaderType + ShaderSize + Default + Clone + PartialEq + Send + Sync + 'static,
    Vec<T>: ShaderType + WriteInto,
{
    if buffer.revision == Some(records.revision()) {
        return;
    }
    let slice = records.as_slice();
    buffer.revision = Some(records.revision());
    buffer.written = false;
    buffer.count = u32::try_from(slice.len()).unwrap_or(u32::MAX);
    let kept = buffer.storage.get_mut();
    kept.clear();
    kept.extend_from_slice(slice);
    if kept.is_empty() {
        kept.push(T::default());
    }
}

/// Sends what was taken.
pub(super) fn write_records<T>(
    mut buffer: ResMut<'_, Buffer<T>>,
    device: Res<'_, RenderDevice>,
    queue: Res<'_, RenderQueue>,
) where
    T: ShaderType + ShaderSize + Send + Sync + 'static,
    Vec<T>: ShaderType + WriteInto,
{
    if !buffer.written {
        buffer.storage.write_buffer(&device, &queue);
        buffer.written = true;
    }
}
