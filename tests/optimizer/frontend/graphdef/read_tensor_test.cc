#include "optimizer/frontend/graphdef/read_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "permafrost/graph.pb.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/wire_writing.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kContent = 4, kFloatVal = 5, kDoubleVal = 6, kIntVal = 7, kStringVal = 8, kComplex64Val = 9, kInt64Val = 10,
              kBoolVal = 11, kComplex128Val = 12, kHalfVal = 13, kUint32Val = 16, kUint64Val = 17;

// dtype and shape of a TensorProto; values follow.
std::string Header(DType dtype, const std::vector<int64_t>& dims) {
  std::string shape;
  for (int64_t dim : dims) shape += wire::Bytes(2, wire::Number(1, static_cast<uint64_t>(dim)));
  return wire::Number(1, static_cast<uint64_t>(dtype)) + wire::Bytes(2, shape);
}
StatusOr<Tensor> Read(const std::string& proto) { return ReadTensor(proto, nullptr, Limits{}); }
std::vector<double> Values(const std::string& proto) {
  const StatusOr<Tensor> tensor = Read(proto);
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  return tensor.ok() ? tensor->Values<double>() : std::vector<double>();
}
std::string ErrorOf(const std::string& proto) {
  const StatusOr<Tensor> tensor = Read(proto);
  EXPECT_FALSE(tensor.ok()) << "accepted";
  return tensor.ok() ? "" : Message(tensor.status());
}

TEST(ReadTensor, TakesContentAsItLies) {
  const std::string proto = Header(DType::kFloat32, {2}) + wire::Bytes(kContent, wire::Raw(1.5F) + wire::Raw(-2.0F));
  EXPECT_THAT(Values(proto), ElementsAre(1.5, -2));
}

TEST(ReadTensor, ContentIsAViewIntoAFileAndACopyWithoutOne) {
  const TemporaryFolder folder;
  for (const std::string& values : {wire::Bytes(kContent, wire::Raw(1.5F) + wire::Raw(-2.0F)),
                                    wire::Bytes(kFloatVal, wire::Raw(1.5F) + wire::Raw(-2.0F))}) {
    const std::string path = folder.Write("tensor", Header(DType::kFloat32, {2}) + values);
    const auto file = MappedFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    const auto inside = [&](const Tensor& tensor) {
      const char* at = tensor.DenseBytes().data();
      return at >= (*file)->bytes().data() && at < (*file)->bytes().data() + (*file)->bytes().size();
    };
    const StatusOr<Tensor> view = ReadTensor((*file)->bytes(), *file, Limits{});
    const StatusOr<Tensor> copy = ReadTensor((*file)->bytes(), nullptr, Limits{});
    ASSERT_TRUE(view.ok() && copy.ok());
    EXPECT_TRUE(inside(*view));
    EXPECT_FALSE(inside(*copy));
    EXPECT_THAT(view->Values<double>(), ElementsAre(1.5, -2));
    EXPECT_THAT(copy->Values<double>(), ElementsAre(1.5, -2));
  }
}

struct Encoding {
  DType dtype;
  std::string packed, unpacked;  // fields that hold 2, then 1
};
std::vector<Encoding> Encodings() {
  std::vector<Encoding> all = {
      {DType::kFloat32, wire::Bytes(kFloatVal, wire::Raw(2.0F) + wire::Raw(1.0F)),
       wire::Fixed(kFloatVal, 2.0F) + wire::Fixed(kFloatVal, 1.0F)},
      {DType::kFloat64, wire::Bytes(kDoubleVal, wire::Raw(2.0) + wire::Raw(1.0)),
       wire::Fixed(kDoubleVal, 2.0) + wire::Fixed(kDoubleVal, 1.0)},
      // The bit patterns of 2 and 1.
      {DType::kHalf, wire::Bytes(kHalfVal, wire::Varint(0x4000) + wire::Varint(0x3c00)),
       wire::Number(kHalfVal, 0x4000) + wire::Number(kHalfVal, 0x3c00)},
      {DType::kBFloat16, wire::Bytes(kHalfVal, wire::Varint(0x4000) + wire::Varint(0x3f80)),
       wire::Number(kHalfVal, 0x4000) + wire::Number(kHalfVal, 0x3f80)},
  };
  const auto add = [&](DType dtype, int field) {
    all.push_back({dtype, wire::Bytes(field, wire::Varint(2) + wire::Varint(1)),
                   wire::Number(field, 2) + wire::Number(field, 1)});
  };
  for (DType dtype : {DType::kInt32, DType::kUint8, DType::kInt16, DType::kInt8, DType::kUint16, DType::kQInt8, DType::kQUint8,
                      DType::kQInt32, DType::kQInt16, DType::kQUint16}) {
    add(dtype, kIntVal);
  }
  add(DType::kInt64, kInt64Val);
  add(DType::kUint32, kUint32Val);
  add(DType::kUint64, kUint64Val);
  return all;
}

TEST(ReadTensor, TakesEveryDtypePackedAndUnpacked) {
  for (const Encoding& encoding : Encodings()) {
    SCOPED_TRACE(NameOf(encoding.dtype));
    EXPECT_THAT(Values(Header(encoding.dtype, {2}) + encoding.packed), ElementsAre(2, 1));
    EXPECT_THAT(Values(Header(encoding.dtype, {2}) + encoding.unpacked), ElementsAre(2, 1));
    EXPECT_EQ(Read(Header(encoding.dtype, {2}) + encoding.packed)->dtype(), encoding.dtype);
  }
}

TEST(ReadTensor, RepeatsTheLastValueAndTakesNoValuesForZeros) {
  for (const Encoding& encoding : Encodings()) {
    SCOPED_TRACE(NameOf(encoding.dtype));
    EXPECT_THAT(Values(Header(encoding.dtype, {2, 2}) + encoding.packed), ElementsAre(2, 1, 1, 1));
    EXPECT_THAT(Values(Header(encoding.dtype, {2, 2}) + encoding.unpacked), ElementsAre(2, 1, 1, 1));
    EXPECT_THAT(Values(Header(encoding.dtype, {3})), ElementsAre(0, 0, 0));
    EXPECT_THAT(Values(Header(encoding.dtype, {})), ElementsAre(0));
    EXPECT_THAT(Values(Header(encoding.dtype, {0, 5})), ElementsAre());
    EXPECT_THAT(ErrorOf(Header(encoding.dtype, {1}) + encoding.packed), HasSubstr("more values than elements"));
    EXPECT_THAT(ErrorOf(Header(encoding.dtype, {1}) + encoding.unpacked), HasSubstr("more values than elements"));
    EXPECT_THAT(ErrorOf(Header(encoding.dtype, {0}) + encoding.packed), HasSubstr("more values than elements"));
  }
}

TEST(ReadTensor, OneValueStandsForAllWithoutMemory) {
  // 2^29 floats: nothing here may allocate them.
  const StatusOr<Tensor> tensor = Read(Header(DType::kFloat32, {1 << 29}) + wire::Fixed(kFloatVal, 0.5F));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_TRUE(tensor->is_splat());
  EXPECT_EQ(tensor->SingleValue(), 0.5);
}

TEST(ReadTensor, ReadsNegativeNumbersBoolsAndTheLargest) {
  const auto minus_one = static_cast<uint64_t>(-1);
  EXPECT_THAT(Values(Header(DType::kInt8, {2}) + wire::Number(kIntVal, minus_one) + wire::Number(kIntVal, 127)),
              ElementsAre(-1, 127));
  EXPECT_THAT(Values(Header(DType::kInt64, {1}) + wire::Number(kInt64Val, minus_one)), ElementsAre(-1));
  EXPECT_THAT(Values(Header(DType::kBool, {2}) + wire::Bytes(kBoolVal, "\x01") + wire::Number(kBoolVal, 0)),
              ElementsAre(1, 0));
  const StatusOr<Tensor> largest = Read(Header(DType::kUint64, {1}) + wire::Number(kUint64Val, minus_one));
  ASSERT_TRUE(largest.ok());
  EXPECT_EQ(largest->DenseBytes(), std::string(8, '\xff'));
}

TEST(ReadTensor, ReadsComplexNumbers) {
  const StatusOr<Tensor> small =
      Read(Header(DType::kComplex64, {2}) + wire::Bytes(kComplex64Val, wire::Raw(1.0F) + wire::Raw(2.0F)));
  ASSERT_TRUE(small.ok()) << small.status();
  EXPECT_EQ(small->dtype(), DType::kComplex64);
  std::string bytes(16, '\0');
  small->Read(0, 2, bytes.data());
  const std::string one = wire::Raw(1.0F) + wire::Raw(2.0F);
  EXPECT_EQ(bytes, one + one);
  EXPECT_TRUE(Read(Header(DType::kComplex128, {1}) + wire::Fixed(kComplex128Val, 1.0) + wire::Fixed(kComplex128Val, 2.0)).ok());
  EXPECT_THAT(ErrorOf(Header(DType::kComplex64, {1}) + wire::Fixed(kComplex64Val, 1.0F)), HasSubstr("broken value"));
}

TEST(ReadTensor, ReadsStringsAndRepeatsTheLast) {
  const auto strings = [](const std::string& proto) {
    const StatusOr<Tensor> tensor = Read(proto);
    EXPECT_TRUE(tensor.ok()) << tensor.status();
    return tensor.ok() ? tensor->strings() : std::vector<std::string>();
  };
  EXPECT_THAT(strings(Header(DType::kString, {2}) + wire::Bytes(kStringVal, "a") + wire::Bytes(kStringVal, "")),
              ElementsAre("a", ""));
  EXPECT_THAT(strings(Header(DType::kString, {3}) + wire::Bytes(kStringVal, "a") + wire::Bytes(kStringVal, "b")),
              ElementsAre("a", "b", "b"));
  EXPECT_THAT(strings(Header(DType::kString, {1})), ElementsAre(""));
  EXPECT_THAT(ErrorOf(Header(DType::kString, {1}) + wire::Bytes(kStringVal, "a") + wire::Bytes(kStringVal, "b")),
              HasSubstr("more values than elements"));
}

TEST(ReadTensor, RefusesShapesThatLie) {
  const int64_t huge = int64_t{1} << 60;
  EXPECT_THAT(ErrorOf(Header(DType::kFloat32, {huge})), HasSubstr("--max-tensor-bytes"));
  EXPECT_THAT(ErrorOf(Header(DType::kInt8, {huge})), HasSubstr("--max-tensor-bytes"));
  EXPECT_THAT(ErrorOf(Header(DType::kFloat32, {huge, huge})), HasSubstr("--max-tensor-bytes"));
  EXPECT_THAT(ErrorOf(Header(DType::kFloat32, {int64_t{1} << 32, int64_t{1} << 32})), HasSubstr("--max-tensor-bytes"));
  EXPECT_THAT(ErrorOf(Header(DType::kString, {huge}) + wire::Bytes(kStringVal, "x")), HasSubstr("limit"));
  EXPECT_THAT(ErrorOf(Header(DType::kFloat32, {-1})), HasSubstr("expected known dims"));
  EXPECT_THAT(ErrorOf(Header(DType::kFloat32, {-2})), HasSubstr("dim -2"));
  EXPECT_THAT(ErrorOf(Header(DType::kFloat32, {INT64_MIN})), HasSubstr("dim"));
  // Zero elements, whatever the other dims say.
  EXPECT_TRUE(Read(Header(DType::kFloat32, {0, huge, huge})).ok());
}

TEST(ReadTensor, RefusesAFewValuesForManyElementsBeforeItAllocatesThem) {
  const Limits small{.max_tensor_bytes = 1 << 10};
  const std::string values = wire::Fixed(kFloatVal, 1.0F) + wire::Fixed(kFloatVal, 2.0F);
  EXPECT_FALSE(ReadTensor(Header(DType::kFloat32, {257}) + values, nullptr, small).ok());
  EXPECT_TRUE(ReadTensor(Header(DType::kFloat32, {256}) + values, nullptr, small).ok());
  const std::string strings = wire::Bytes(kStringVal, "a");
  EXPECT_FALSE(ReadTensor(Header(DType::kString, {1 << 20}) + strings, nullptr, small).ok());
}

TEST(ReadTensor, RefusesContentThatDoesNotFitTheShape) {
  EXPECT_THAT(ErrorOf(Header(DType::kFloat32, {2}) + wire::Bytes(kContent, wire::Raw(1.0F))),
              HasSubstr("4 bytes of content, expected 8"));
  EXPECT_THAT(ErrorOf(Header(DType::kFloat32, {1}) + wire::Bytes(kContent, "12345678")), HasSubstr("expected 4"));
  EXPECT_THAT(ErrorOf(Header(DType::kFloat32, {0}) + wire::Bytes(kContent, "1234")), HasSubstr("expected 0"));
}

TEST(ReadTensor, RefusesBrokenValuesAndDamage) {
  EXPECT_THAT(ErrorOf(Header(DType::kFloat32, {2}) + wire::Bytes(kFloatVal, "12345")), HasSubstr("broken value"));
  EXPECT_THAT(ErrorOf(Header(DType::kInt32, {2}) + wire::Bytes(kIntVal, "\xff")), HasSubstr("damaged values"));
  EXPECT_THAT(ErrorOf(Header(DType::kFloat32, {2}) + "\x22\x7f"), HasSubstr("damaged"));
  EXPECT_THAT(ErrorOf(wire::Number(1, 1) + wire::Bytes(2, "\x12\x7f")), HasSubstr("damaged"));
}

TEST(ReadTensor, RefusesDtypesThatNoFileCanHold) {
  EXPECT_THAT(ErrorOf(Header(DType::kInvalid, {1})), HasSubstr("unknown dtype 0"));
  EXPECT_THAT(ErrorOf(wire::Number(1, 99)), HasSubstr("unknown dtype 99"));
  EXPECT_THAT(ErrorOf(wire::Number(1, static_cast<uint64_t>(-1))), HasSubstr("unknown dtype -1"));
  EXPECT_THAT(ErrorOf(Header(DType::kResource, {})), HasSubstr("resource"));
  EXPECT_THAT(ErrorOf(Header(DType::kVariant, {})), HasSubstr("variant"));
}

TEST(ReadTensor, ReadsWhatProtobufItselfWrites) {
  tf::TensorProto proto;
  proto.set_dtype(tf::DT_FLOAT);
  proto.mutable_tensor_shape()->add_dim()->set_size(3);
  for (float value : {1.0F, 2.0F, 3.0F}) proto.add_float_val(value);
  EXPECT_THAT(Values(proto.SerializeAsString()), ElementsAre(1, 2, 3));
  for (float value : {4.0F, 5.0F, 6.0F}) proto.add_float_val(value);
  EXPECT_FALSE(Read(proto.SerializeAsString()).ok());
}

TEST(ReadTensor, ReadsShapes) {
  const auto read = [](const std::string& proto) {
    const StatusOr<Shape> shape = ReadShape(proto);
    return shape.ok() ? shape->ToString() : Message(shape.status());
  };
  const auto dim = [](int64_t size) { return wire::Bytes(2, wire::Number(1, static_cast<uint64_t>(size))); };
  EXPECT_EQ(read(""), "[]");
  EXPECT_EQ(read(dim(2) + dim(-1)), "[2,?]");
  EXPECT_EQ(read(wire::Bytes(2, "")), "[0]");
  EXPECT_EQ(read(dim(2) + wire::Number(3, 1)), "?");
  EXPECT_THAT(read(dim(-7)), HasSubstr("dim -7"));
  EXPECT_THAT(read("\x12"), HasSubstr("damaged"));
  EXPECT_THAT(read("\x12\x05\x08"), HasSubstr("damaged"));
}

}  // namespace
}  // namespace permafrost
