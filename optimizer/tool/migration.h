#pragma once

#include "optimizer/pipeline/migrate.h"

namespace permafrost {

// permafrost-optimize --migrate: does it and prints what happened. The exit code.
int RunMigration(MigrateOptions options, bool json);

}  // namespace permafrost
