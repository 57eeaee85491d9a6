// Likewise the data directory. Private to src/jobs.
#pragma once

#include "storage/data_directory.h"

namespace einfer::jobs {

using storage::DataDirectory;
using storage::FileDescriptor;

}  // namespace einfer::jobs
