#include "optimizer/frontend/checkpoint/bundle_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/bundle_writing.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kWhole = TensorSlice::kWhole;

Tensor Counting(std::vector<int64_t> dims) {
  std::vector<float> values(static_cast<size_t>(CheckedElements(dims)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) + 0.5F;
  return Tensor::Of(std::move(dims), values);
}

class ABundle : public ::testing::Test {
 protected:
  StatusOr<Tensor> Get(const std::string& name) {
    writer.Write(folder, "model.ckpt");
    ASSIGN_OR_RETURN(const auto bundle, OpenBundle(folder.File("model.ckpt"), limits));
    return bundle->Get(name);
  }
  std::string ErrorOf(const std::string& name) {
    const auto tensor = Get(name);
    return tensor.ok() ? "accepted" : Message(tensor.status());
  }
  void ExpectValue(const std::string& name, const Tensor& expected) {
    const auto tensor = Get(name);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_TRUE(SameTensor(*tensor, expected));
  }
  TemporaryFolder folder;
  BundleWriter writer;
  Limits limits;
};

TEST_F(ABundle, GivesTensorsOfEveryKindOfNumber) {
  writer.Add("float", Counting({2, 3}));
  writer.Add("scalar", Tensor::Scalar<int64_t>(1234567890123));
  writer.Add("bytes", Tensor::Vector<uint8_t>({1, 2, 3}));
  writer.Add("empty", Tensor::Of<float>({0, 4}, {}));
  ExpectValue("float", Counting({2, 3}));
  ExpectValue("scalar", Tensor::Scalar<int64_t>(1234567890123));
  ExpectValue("bytes", Tensor::Vector<uint8_t>({1, 2, 3}));
  ExpectValue("empty", Tensor::Of<float>({0, 4}, {}));
}

TEST_F(ABundle, ReadsSeveralShardsAndCompressedIndexes) {
  writer.shards = 3;
  writer.compressed = true;
  writer.Add("a", Counting({4}), 2);
  writer.Add("b", Counting({2, 2}), 0);
  ExpectValue("a", Counting({4}));
  ExpectValue("b", Counting({2, 2}));
}

TEST_F(ABundle, TurnsBigEndianNumbers) {
  writer.big_endian = true;
  writer.Add("a", Counting({3}));
  writer.Add("b", Tensor::Vector<int64_t>({1, -2}));
  ExpectValue("a", Counting({3}));
  ExpectValue("b", Tensor::Vector<int64_t>({1, -2}));
}

TEST_F(ABundle, PutsSlicesTogether) {
  const Tensor whole = Counting({5, 4});
  const auto add = [&](const TensorSlice& slice) {
    writer.AddSlice("w", {5, 4}, slice, CutSlice(whole, *ResolveSlice(slice, {5, 4})));
  };
  add({{0, 0}, {2, kWhole}});
  add({{2, 0}, {3, 1}});
  add({{2, 1}, {3, 3}});
  ExpectValue("w", whole);
  EXPECT_THAT((*OpenBundle(folder.File("model.ckpt"), limits))->Names(), ElementsAre("w"));
}

TEST_F(ABundle, RefusesSlicesThatDoNotTile) {
  const auto add = [&](const std::string& name, int64_t start, int64_t length) {
    writer.AddSlice(name, {6}, {{start}, {length}}, Counting({length}));
  };
  add("gap", 0, 2);
  add("gap", 3, 3);
  add("twice", 0, 4);
  add("twice", 3, 2);
  add("outside", 4, 3);
  EXPECT_THAT(ErrorOf("gap"), HasSubstr("5 elements of 6"));
  EXPECT_THAT(ErrorOf("twice"), HasSubstr("overlap"));
  EXPECT_THAT(ErrorOf("outside"), HasSubstr("takes 3 from 4"));
}

TEST_F(ABundle, ReadsStrings) {
  const std::vector<std::string> values = {"one", "", std::string("\0three", 6)};
  std::string lengths, fixed, text;
  for (const std::string& value : values) {
    lengths += wire::Varint(value.size());
    fixed += wire::Raw(static_cast<uint32_t>(value.size()));
    text += value;
  }
  const std::string lengths_crc = wire::Raw(MaskCrc(Crc32c(fixed)));
  BundleWriter::Entry& entry = writer.AddBytes("s", DType::kString, {3}, lengths + lengths_crc + text);
  entry.crc = MaskCrc(Crc32c(fixed + lengths_crc + text));
  auto tensor = Get("s");
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ(tensor->strings(), values);
}

TEST_F(ABundle, RefusesDamageInAShard) {
  writer.Add("a", Counting({4})).crc ^= 1;
  EXPECT_THAT(ErrorOf("a"), HasSubstr("checksum"));
}

TEST_F(ABundle, RefusesEntriesThatLie) {
  const auto lie = [&](const std::string& name, auto change) { change(writer.Add(name, Counting({4}))); };
  lie("offset", [](auto& entry) { entry.offset = 1000; });
  lie("far", [](auto& entry) { entry.offset = ~uint64_t{0} - 4; });
  lie("short", [](auto& entry) { entry.size = 12; });
  lie("shard", [](auto& entry) { entry.shard = 7; });
  lie("dtype", [](auto& entry) { entry.dtype = 20; });
  lie("huge", [](auto& entry) { entry.shape = ShapeProto({int64_t{1} << 31, int64_t{1} << 31}); });
  lie("negative", [](auto& entry) { entry.shape = ShapeProto({-4}); });
  EXPECT_THAT(ErrorOf("offset"), HasSubstr("truncated"));
  EXPECT_THAT(ErrorOf("far"), HasSubstr("truncated"));
  EXPECT_THAT(ErrorOf("short"), HasSubstr("has 12 bytes, expected 16"));
  EXPECT_THAT(ErrorOf("shard"), HasSubstr("shard 7 of 1"));
  EXPECT_THAT(ErrorOf("dtype"), HasSubstr("dtype resource"));
  EXPECT_THAT(ErrorOf("huge"), HasSubstr("limit"));
  EXPECT_THAT(ErrorOf("negative"), HasSubstr("invalid shape"));
  writer = {};
  lie("size", [](auto& entry) { entry.size = uint64_t{1} << 62; });
  EXPECT_THAT(ErrorOf("size"), HasSubstr("truncated"));
}

TEST_F(ABundle, RefusesTensorsThatLieOverEachOther) {
  writer.Add("a", Counting({4}));
  writer.Add("b", Counting({4})).offset = 12;
  EXPECT_THAT(ErrorOf("a"), HasSubstr("'a' and 'b' lie over each other in shard 0"));
}

TEST_F(ABundle, RefusesHeadersThatItCannotFollow) {
  const auto error_of = [&](const std::string& header) {
    folder.Write("h.index", table::TableOf({{"", header}}));
    return Message(OpenBundle(folder.File("h"), limits).status());
  };
  EXPECT_THAT(error_of(wire::Number(1, 1) + wire::Bytes(3, wire::Number(2, 9))), HasSubstr("wants a reader of version 9"));
  EXPECT_THAT(error_of(wire::Number(1, 0)), HasSubstr("header is damaged"));
  EXPECT_THAT(error_of(wire::Number(1, ~uint64_t{0})), HasSubstr("header is damaged"));
  EXPECT_THAT(error_of(wire::Bytes(3, "\xff")), HasSubstr("header is damaged"));
}

TEST_F(ABundle, RefusesSlicesBeyondTheTensorAndAbsurdCounts) {
  writer.AddSlice("outside", {4}, {{2}, {4}}, Counting({4}));
  writer.AddSlice("negative", {4}, {{-1}, {4}}, Counting({4}));
  writer.AddSlice("rank", {4}, {{0, 0}, {4, 1}}, Counting({4, 1}));
  for (int i = 0; i < 5000; ++i) writer.AddSlice("many", {5000}, {{i}, {1}}, Counting({1}));
  EXPECT_THAT(ErrorOf("outside"), HasSubstr("takes 4 from 2 on axis 0"));
  EXPECT_THAT(ErrorOf("negative"), HasSubstr("takes 4 from -1 on axis 0"));
  EXPECT_THAT(ErrorOf("rank"), HasSubstr("a slice of rank 2"));
  EXPECT_THAT(ErrorOf("many"), HasSubstr("a tensor in 5000 slices, at most 4096"));
}

TEST_F(ABundle, NamesWhatIsMissing) {
  writer.Add("a", Counting({4}));
  EXPECT_THAT(ErrorOf("b"), HasSubstr("holds no 'b'"));
  std::filesystem::remove(folder.File("model.ckpt.data-00000-of-00001"));
  const auto bundle = OpenBundle(folder.File("model.ckpt"), limits);
  ASSERT_TRUE(bundle.ok());
  EXPECT_THAT(Message((*bundle)->Get("a").status()), HasSubstr("No such file"));
}

TEST_F(ABundle, NeverCrashesOnDamagedEntries) {
  std::mt19937 random(3);
  const std::string good =
      wire::Number(1, 1) + wire::Bytes(2, ShapeProto({4})) + wire::Number(5, 16) + wire::Fixed<uint32_t>(6, 7);
  folder.Write("m.data-00000-of-00001", std::string(16, 'x'));
  int refused = 0;
  for (int round = 0; round < 200; ++round) {
    std::string bad = good;
    for (int change = 0; change < 3; ++change) bad[random() % bad.size()] = static_cast<char>(random());
    folder.Write("m.index", table::TableOf({{"", wire::Number(1, 1)}, {"a", bad}}));
    const auto bundle = OpenBundle(folder.File("m"), limits);
    refused += bundle.ok() && (*bundle)->Get("a").ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 190);
}

// Bytes worked out by hand from ordered_code.cc.
TEST(SliceKey, WritesNumbersInOrderedCode) {
  EXPECT_EQ(SliceKey("v", {{}, {}}), std::string("\0v\0\1\0", 5));
  EXPECT_EQ(SliceKey("v", {{0}, {-1}}), std::string("\0v\0\1\1\1\x80\x7f", 8));  // as in every V1 file's keys
  EXPECT_EQ(SliceKey("v", {{63}, {64}}), std::string("\0v\0\1\1\1\xbf\xc0\x40", 9));
  EXPECT_EQ(SliceKey("v", {{8191}, {8192}}), std::string("\0v\0\1\1\1\xdf\xff\xe0\x20\0", 11));
}

}  // namespace
}  // namespace permafrost
