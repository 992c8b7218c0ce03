#include "optimizer/pipeline/pass_steps.h"

#include <algorithm>
#include <map>
#include <set>

#include "optimizer/pipeline/catalog.h"
#include "optimizer/pipeline/retired_transforms.h"

namespace permafrost {
namespace {

// Lists that belong together in strip-unused: one value for each name, in their order.
Status CheckNameLists(const PassStep& step) {
  const size_t names = step.arguments.All("name").size();
  const size_t types = step.arguments.All("type_for_name").size(), shapes = step.arguments.All("shape_for_name").size();
  if ((types == 0 || types == names) && (shapes == 0 || shapes == names) && (names == 0 || types + shapes > 0)) {
    return OkStatus();
  }
  return InvalidArgument("expected a type_for_name=... or shape_for_name=... for every name=..., found ", names,
                         " names, ", types, " types and ", shapes, " shapes");
}

// The first pass that gives a fact.
const PassInfo* GiverOf(Fact fact) {
  for (const PassInfo* pass : AllPasses()) {
    if (std::find(pass->gives.begin(), pass->gives.end(), fact) != pass->gives.end()) return pass;
  }
  return nullptr;
}

}  // namespace

std::vector<PassStep> StepsOf(const std::vector<const PassInfo*>& passes) {
  std::vector<PassStep> steps;
  for (const PassInfo* pass : passes) steps.push_back({pass, {}, false});
  return steps;
}

StatusOr<std::vector<PassStep>> ResolvePasses(const std::vector<PassCall>& calls, std::string_view flag,
                                              std::vector<std::string>& notes) {
  std::vector<PassStep> steps;
  for (const PassCall& call : calls) {
    const PassInfo* pass = FindPass(call.name);
    if (pass == nullptr) {
      const RetiredTransform* retired = FindRetiredTransform(call.name);
      if (retired == nullptr) {
        return NotFound(flag, ": there is no pass '", call.name, "' (--list-passes shows them)");
      }
      if (!retired->always_done) return Unsupported(flag, ": '", call.name, "' does not exist here: ", retired->instead);
      notes.push_back(StrCat(call.name, ": nothing to do, ", retired->instead));
      continue;
    }
    PassStep step{pass, PassArguments(call.arguments), call.ignore_errors};
    Status status = CheckArguments(step.arguments, pass->options);
    if (status.ok()) status = CheckNameLists(step);
    if (!status.ok()) return WithContext(status, StrCat(flag, ": ", call.name));
    steps.push_back(std::move(step));
  }
  return steps;
}

std::vector<std::string> OrderWarnings(const std::vector<PassStep>& steps, const std::vector<Fact>& have) {
  std::vector<std::string> warnings;
  std::set<Fact> holds(have.begin(), have.end());
  std::map<Fact, const PassInfo*> given, broken;  // by which pass, last
  std::set<std::pair<const PassInfo*, Fact>> told;
  const auto check = [&](const PassInfo& pass, const std::vector<Fact>& facts, std::string_view does) {
    for (Fact fact : facts) {
      if (holds.contains(fact) || !told.insert({&pass, fact}).second) continue;
      const auto breaker = broken.find(fact);
      const PassInfo* giver = GiverOf(fact);
      if (breaker != broken.end()) {
        warnings.push_back(StrCat(pass.name, " ", does, " what ", breaker->second->name, " takes away: put ", pass.name,
                                  " before it"));
      } else if (giver != nullptr) {
        warnings.push_back(StrCat(pass.name, " ", does, " ", giver->name, " before it"));
      }
    }
  };
  for (const PassStep& step : steps) {
    const PassInfo& pass = *step.pass;
    check(pass, pass.needs, "needs");
    check(pass, pass.wants, "does less or loses more without");
    for (Fact fact : pass.breaks) {
      if (holds.contains(fact) && given.contains(fact) && given[fact]->lossy) {
        warnings.push_back(StrCat(pass.name, " undoes what ", given[fact]->name, " did: put ", pass.name, " before it"));
      }
      holds.erase(fact);
      broken[fact] = &pass;
    }
    for (Fact fact : pass.gives) {
      holds.insert(fact);
      broken.erase(fact);
      given[fact] = &pass;
    }
  }
  return warnings;
}

}  // namespace permafrost
