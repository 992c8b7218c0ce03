// What is emitted, held against onnx.checker with full_check, where its environment is installed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

std::string Python() {
  const char* venvs = std::getenv("PERMAFROST_VENV_DIR");
  return (venvs != nullptr ? std::string(venvs) : SourceDir() + "/build/venv") + "/onnx/bin/python";
}

// "name:1x2x3" per input, and all outputs.
std::vector<std::string> BoundaryOf(const std::string& folder) {
  const nlohmann::json meta = nlohmann::json::parse(ReadBytes(folder + "/meta.json"));
  std::string inputs, outputs;
  for (size_t i = 0; i < meta["inputs"].size(); ++i) {
    std::string shape;
    for (const auto& dim : meta["shapes"][i]) shape += (shape.empty() ? "" : "x") + dim.dump();
    inputs += (inputs.empty() ? "" : ",") + meta["inputs"][i].get<std::string>() + ":" + shape;
  }
  for (const auto& output : meta["outputs"]) outputs += (outputs.empty() ? "" : ",") + output.get<std::string>();
  std::vector<std::string> arguments = {folder + "/" + meta["model"].get<std::string>(), "--inputs", inputs, "--outputs", outputs};
  for (const auto& [name, value] : meta["flags"].items()) {
    arguments.insert(arguments.end(), {"--set", name + "=" + value.dump()});
  }
  return arguments;
}

TEST(OnnxChecker, TakesWhatIsEmitted) {
  if (access(Python().c_str(), X_OK) != 0) GTEST_SKIP() << "no " << Python() << "; scripts/python_env onnx makes it";
  const TemporaryFolder folder;
  int written = 0;
  const auto write = [&](std::vector<std::string> arguments, const std::vector<std::string>& more) {
    const std::string file = folder.File("net" + std::to_string(written++) + ".onnx");
    arguments.insert(arguments.end(), {"-o", file});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished done = RunProgram("permafrost-optimize", arguments);
    EXPECT_EQ(done.exit_code, 0) << arguments[0] << ": " << done.err;
  };
  for (const std::string target : {"onnx", "onnxruntime", "opencv-4.6", "opencv-5.0"}) {
    for (const std::string name : {"dilated_resize", "old_batch_norm", "style_transfer", "swish", "transposed_convolutions"}) {
      write(BoundaryOf(SourceDir() + "/models/classic_graphs/" + name), {"--target", target});
    }
    for (const std::string layers : {"layer_normalization", "group_normalization", "activation_layers", "discretization"}) {
      const std::string place = SourceDir() + "/models/keras_layers/keras2/" + layers;
      for (const auto& entry : std::filesystem::directory_iterator(place)) {
        if (entry.path().extension() == ".h5") write({entry.path().string()}, {"--target", target});
      }
    }
  }
  const auto digits = BoundaryOf(SourceDir() + "/models/classic_tf1_batch1");
  write(digits, {"--add", "half_weights", "--external-data"});
  write(digits, {"--add", "quantize_weights", "--target", "onnxruntime"});
  ASSERT_GT(written, 30);
  const std::string code =
      "import glob, sys, onnx\n"
      "for file in sorted(glob.glob(sys.argv[1] + '/*.onnx')):\n"
      "    try: onnx.checker.check_model(file, full_check=True)\n"
      "    except Exception as error: sys.exit(f'{file}: {error}')\n";
  WriteBytes(folder.File("check.py"), code);
  const std::string said = folder.File("said");
  const std::string command = Python() + " " + folder.File("check.py") + " " + folder.File("") + " > " + said + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << ReadBytes(said);  // NOLINT: a fixed command
}

}  // namespace
}  // namespace permafrost
