#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "bench/bisect.h"
#include "shared_io/npy.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

StatusOr<Json> ReadJson(const std::string& path) {
  std::ifstream file(path);
  Json json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return DataLoss(path, ": no JSON");
  return json;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// Runs the command once; `answer` is the folder it filled.
Status Ask(const std::string& command, const std::string& work_folder, const std::string& model_path,
           const LayerOrder& order, std::string& answer) {
  answer = work_folder + "/answer";
  std::error_code error;
  fs::remove_all(answer, error);
  fs::create_directories(answer, error);
  if (error) return InvalidArgument(answer, ": ", error.message());
  Json inputs = Json::array();
  for (size_t i = 0; i < order.inputs.size(); ++i) {
    const std::string npy = StrCat(work_folder, "/in", i, ".npy");
    RETURN_IF_ERROR(WriteNpy(npy, order.inputs[i].array));
    inputs.push_back({{"name", order.inputs[i].name}, {"npy", npy}});
  }
  const std::string file = work_folder + "/order.json";
  const Json json = {
      {"file", model_path}, {"inputs", inputs}, {"layers", order.layers}, {"fusion", order.fusion}, {"answer", answer}};
  std::ofstream(file) << json.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  const int status = std::system((command + " " + Quoted(file) + " > /dev/null").c_str());
  if (WIFSIGNALED(status)) return DataLoss(command, " crashed (signal ", WTERMSIG(status), ")");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return OkStatus();
  std::ifstream said(answer + "/error.txt");
  std::string line;
  std::getline(said, line);
  return DataLoss(line.empty() ? StrCat(command, " ended with ", WIFEXITED(status) ? WEXITSTATUS(status) : -1) : line);
}

}  // namespace

LayerSource LinkedOpenCv() { return {"OpenCV " + OpenCvVersion(), LayerNames, LayerValues}; }

LayerSource OpenCvBehind(const std::string& command, const std::string& work_folder) {
  LayerSource source;
  source.release = command;
  source.names = [=](const std::string& model_path) -> StatusOr<std::vector<std::string>> {
    std::string answer;
    RETURN_IF_ERROR(Ask(command, work_folder, model_path, {}, answer));
    ASSIGN_OR_RETURN(const Json json, ReadJson(answer + "/names.json"));
    std::vector<std::string> names;
    if (!json.is_array()) return DataLoss(answer, "/names.json: no list of names");
    for (const Json& name : json) {
      if (name.is_string()) names.push_back(name.get<std::string>());
    }
    return names;
  };
  source.values = [=](const std::string& model_path, const LayerOrder& order) -> StatusOr<std::vector<Array>> {
    std::string answer;
    RETURN_IF_ERROR(Ask(command, work_folder, model_path, order, answer));
    std::vector<Array> values;
    for (size_t i = 0; i < order.layers.size(); ++i) {
      ASSIGN_OR_RETURN(Array value, ReadNpy(StrCat(answer, "/", i, ".npy")));
      values.push_back(std::move(value));
    }
    return values;
  };
  return source;
}

}  // namespace permafrost
