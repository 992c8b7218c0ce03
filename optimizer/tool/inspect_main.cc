#include <iostream>

#include "optimizer/pipeline/version.h"

int main() { std::cout << permafrost::Version() << "\n"; }
