#include <iostream>

#include "runner/session.h"

int main() {
  const auto session = permafrost::Session::Open("no such model.pb", {});
  std::cout << permafrost::Message(session.status()) << "\n";
  return session.ok() ? 1 : 0;
}
