#include "optimizer/frontend/checkpoint/open_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/bundle_writing.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void WriteBundle(const TemporaryFolder& folder, const std::string& stem, float value) {
  BundleWriter writer;
  writer.Add("a", Tensor::Scalar(value));
  writer.Write(folder, stem);
}

double ValueAt(const std::string& path) {
  const auto source = OpenCheckpoint(path, Limits());
  EXPECT_TRUE(source.ok()) << source.status();
  if (!source.ok()) return -1;
  const auto tensor = (*source)->Get("a");
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  return tensor.ok() ? *tensor->SingleValue() : -1;
}

std::string ErrorOf(const std::string& path) {
  const auto source = OpenCheckpoint(path, Limits());
  return source.ok() ? "accepted" : Message(source.status());
}

// SavedTensorSlices: field 1 lists the tensors, field 2 holds one slice.
std::string V1Table(float value, bool compressed = false) {
  const std::string meta = wire::Bytes(1, "a") + wire::Number(3, 1) + wire::Bytes(4, "");
  const std::string values = wire::Bytes(5, wire::Raw(value));
  const std::string saved = wire::Bytes(1, "a") + wire::Bytes(2, "") + wire::Bytes(3, values);
  return table::TableOf({{"", wire::Bytes(1, wire::Bytes(1, meta))}, {SliceKey("a", {}), wire::Bytes(2, saved)}}, 3,
                        compressed);
}

TEST(OpenCheckpoint, TakesEveryNameOfABundle) {
  const TemporaryFolder folder;
  WriteBundle(folder, "model.ckpt-7", 7);
  folder.Write("model.ckpt-7.meta", "any");
  for (const char* suffix : {"", ".index", ".meta", ".data-00000-of-00001"}) {
    EXPECT_EQ(ValueAt(folder.File("model.ckpt-7") + suffix), 7) << suffix;
  }
  EXPECT_EQ(ValueAt(folder.path()), 7);
}

TEST(OpenCheckpoint, TakesV1FilesWholeAndInShards) {
  const TemporaryFolder folder;
  EXPECT_EQ(ValueAt(folder.Write("plain", V1Table(3))), 3);
  EXPECT_EQ(ValueAt(folder.Write("packed", V1Table(4, true))), 4);
  folder.Write("sharded-00000-of-00002", V1Table(5));
  folder.Write("sharded-00001-of-00002", table::TableOf({{"", ""}}));
  EXPECT_EQ(ValueAt(folder.File("sharded")), 5);
}

TEST(OpenCheckpoint, FollowsTheStateFileOfACopiedFolder) {
  const TemporaryFolder folder;
  WriteBundle(folder, "model.ckpt-7", 7);
  WriteBundle(folder, "model.ckpt-12", 12);
  for (const char* stored : {"model.ckpt-7", "/home/someone/train/model.ckpt-7", "../../model.ckpt-7"}) {
    folder.Write("checkpoint", StrCat("model_checkpoint_path: \"", stored, "\"\nall_model_checkpoint_paths: \"x\"\n"));
    EXPECT_EQ(ValueAt(folder.path()), 7) << stored;
    EXPECT_EQ(ValueAt(folder.File("checkpoint")), 7) << stored;
  }
}

TEST(OpenCheckpoint, TakesTheNewestStepOfAFolderWithoutStateFile) {
  const TemporaryFolder folder;
  WriteBundle(folder, "model.ckpt-7", 7);
  WriteBundle(folder, "model.ckpt-12", 12);
  EXPECT_EQ(ValueAt(folder.path()), 12);
  WriteBundle(folder, "other-12", 1);
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("name one"));
}

TEST(OpenCheckpoint, SaysWhatItLookedFor) {
  const TemporaryFolder folder;
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("holds no checkpoint"));
  EXPECT_THAT(ErrorOf(folder.File("model")), HasSubstr("model.index"));
  EXPECT_THAT(ErrorOf(folder.Write("text", "just words")), HasSubstr("neither a table nor a state file"));
  EXPECT_THAT(ErrorOf(folder.Write("checkpoint", "model_checkpoint_path: 'gone'")), HasSubstr("gone.index"));
}

TEST(OpenCheckpoint, RefusesAV1FileWhoseSlicesLie) {
  const TemporaryFolder folder;
  const auto error = [&](const std::string& shape, const std::string& slice) {
    const std::string meta = wire::Bytes(1, "a") + wire::Bytes(2, shape) + wire::Number(3, 1);
    const std::string saved =
        wire::Bytes(1, "a") + wire::Bytes(2, slice) + wire::Bytes(3, wire::Bytes(5, wire::Raw(1.0F)));
    folder.Write("v1", table::TableOf({{"", wire::Bytes(1, wire::Bytes(1, meta))}, {"k", wire::Bytes(2, saved)}}));
    const auto source = OpenCheckpoint(folder.File("v1"), Limits());
    if (!source.ok()) return Message(source.status());
    const auto tensor = (*source)->Get("a");
    return tensor.ok() ? std::string("accepted") : Message(tensor.status());
  };
  const std::string whole = SliceProto({{0}, {TensorSlice::kWhole}});
  EXPECT_EQ(error(ShapeProto({1}), whole), "accepted");
  EXPECT_THAT(error(ShapeProto({3}), whole), HasSubstr("fewer values"));
  EXPECT_THAT(error(ShapeProto({int64_t{1} << 40}), whole), HasSubstr("limit"));
  EXPECT_THAT(error(ShapeProto({1}), ""), HasSubstr("rank 0"));
  EXPECT_THAT(error(ShapeProto({3}), SliceProto({{1}, {1}})), HasSubstr("1 elements of 3"));
}

}  // namespace
}  // namespace permafrost
