#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "optimizer/frontend/checkpoint/open_checkpoint.h"
#include "tests/support/places.h"

namespace permafrost {
namespace {

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const unsigned char byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::string Content(const Tensor& tensor) {
  std::string content;
  if (tensor.dtype() == DType::kString) {
    for (size_t i = 0; i < tensor.strings().size(); ++i) content += StrCat(i > 0 ? "," : "", Hex(tensor.strings()[i]));
    return content;
  }
  content.resize(static_cast<size_t>(tensor.byte_size()));
  tensor.Read(0, tensor.elements(), content.data());
  return Hex(content);
}

// Holds every tensor of a checkpoint that scripts/make_checkpoints.py wrote against the bytes it had in TensorFlow.
void ExpectValues(const std::string& name, int fewest) {
  const std::string folder = SourceDir() + "/tests/data/checkpoint/" + name;
  const auto checkpoint = OpenCheckpoint(folder + "/model.ckpt", Limits{});
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  std::ifstream lines(folder + "/expected.txt");
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    std::istringstream words(line);
    std::string key, dtype, dims, content;
    words >> key >> dtype >> dims >> content;
    SCOPED_TRACE(key);
    const auto tensor = (*checkpoint)->Get(key);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_EQ(NameOf(tensor->dtype()), dtype);
    EXPECT_EQ(tensor->shape().ToString(), dims);
    EXPECT_EQ(Content(*tensor), content);
  }
  EXPECT_GE(count, fewest);
  EXPECT_EQ((*checkpoint)->Names().size(), static_cast<size_t>(count));
}

TEST(ACheckpointOfTensorFlow, GivesEveryDtypeOfV2) { ExpectValues("values_v2", 24); }
TEST(ACheckpointOfTensorFlow, GivesEveryDtypeOfV1) { ExpectValues("values_v1", 16); }

}  // namespace
}  // namespace permafrost
