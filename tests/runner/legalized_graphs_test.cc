#include "tests/runner/opencv_testing.h"

// One graph per legalising rule: as TensorFlow writes it, optimized, in the real cv::dnn, against the reference
// kernels.
namespace permafrost {
namespace {

struct Case {
  const char* name;
  std::string text;
  double tolerance = 1e-4;
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

const std::string kConv = R"( {strides=[1,1,1,1], padding="SAME", data_format="NHWC"}; )";
const std::string kValid = R"( {strides=[1,1,1,1], padding="VALID", data_format="NHWC"}; )";
const std::string kImage = "in x:float32[1,5,7,3]; k = float32[3,3,3,4]~1; ";
const std::string kImages = "in x:float32[?,5,7,3]; k = float32[3,3,3,4]~1; ";
const std::string kVector = "in x:float32[?,6]; k = float32[6,4]~1; ";
const std::string kConvX = "c = Conv2D(x, k)" + kConv;

const Case kShapes[] = {
    {"Rank3ToPictureToConv",
     "in x:float32[2,20,3]; k = float32[3,3,3,4]~1; r = Reshape(x, int32[4]{-1,4,5,3}); "
     "y = Conv2D(r, k)" +
         kConv + "out y"},
    {"Rank2ToPictureToConv",
     "in x:float32[?,60]; k = float32[3,3,3,4]~1; r = Reshape(x, int32[4]{-1,4,5,3}); "
     "y = Conv2D(r, k)" +
         kConv + "out y"},
    {"Rank2ToGreyPictureToConv",
     "in x:float32[?,20]; k = float32[3,3,1,4]~1; r = Reshape(x, int32[4]{-1,4,5,1}); "
     "y = Conv2D(r, k)" +
         kConv + "out y"},
    {"DenseToPictureToConv",
     "in x:float32[?,6]; w = float32[6,60]~2; k = float32[3,3,3,4]~1; m = MatMul(x, w); "
     "b = BiasAdd(m, float32[60]~3); r0 = Relu(b); "
     "r = Reshape(r0, int32[4]{-1,4,5,3}); y = Conv2D(r, k)" +
         kConv + "out y"},
    {"BareDenseToPictureToConv",
     "in x:float32[?,6]; w = float32[6,60]~2; k = float32[3,3,3,4]~1; m = MatMul(x, w); "
     "r = Reshape(m, int32[4]{-1,4,5,3}); y = Conv2D(r, k)" +
         kConv + "out y"},
    {"PictureToPicture", kImages + kConvX + "r = Reshape(c, int32[4]{-1,7,5,4}); y = Relu(r); out y"},
    {"PictureToPictureOnInput",
     "in x:float32[?,4,6,3]; k = float32[3,3,3,4]~1; r = Reshape(x, int32[4]{-1,6,4,3}); "
     "y = Conv2D(r, k)" +
         kConv + "out y"},
    {"PictureToSequence", kImages + kConvX + "r = Reshape(c, int32[3]{-1,35,4}); y = Relu(r); out y"},
    {"PictureToVectorToDense", kImages + kConvX +
                                   "w = float32[140,5]~3; r = Reshape(c, int32[2]{-1,140}); "
                                   "y = MatMul(r, w); out y"},
    {"PictureToVectorByShape", kImages + kConvX +
                                   "w = float32[140,5]~3; s = Shape(c); "
                                   "n = StridedSlice(s, int32[1]{0}, int32[1]{1}, int32[1]{1}) {shrink_axis_mask=1}; "
                                   "p = Pack(n, int32[]{-1}); r = Reshape(c, p); y = MatMul(r, w); out y"},
    {"VectorToOnePixel", kVector +
                             "m = MatMul(x, k); r = Reshape(m, int32[4]{-1,1,1,4}); w = float32[1,1,4,5]~2; "
                             "y = Conv2D(r, w)" +
                             kConv + "out y"},
    {"InputVectorToOnePixel",
     "in x:float32[?,6]; r = Reshape(x, int32[4]{-1,1,1,6}); w = float32[1,1,6,5]~2; "
     "y = Conv2D(r, w)" +
         kConv + "out y"},
    {"ReshapeToPictureAsTheOutput", "in x:float32[?,60]; y = Reshape(x, int32[4]{-1,4,5,3}); out y"},
    {"ExpandDimsOfAVector", kVector + "m = MatMul(x, k); e = ExpandDims(m, int32[]{1}); y = Relu(e); out y"},
    {"ExpandDimsOfASequence",
     "in x:float32[2,5,3]; k = float32[3,3,1,4]~1; e = ExpandDims(x, int32[]{-1}); "
     "y = Conv2D(e, k)" +
         kConv + "out y"},
    {"ExpandDimsInFront",
     "in x:float32[5,6,3]; k = float32[3,3,3,4]~1; e = ExpandDims(x, int32[]{0}); "
     "y = Conv2D(e, k)" +
         kConv + "out y"},
    {"SqueezeSpatial", kImages + "p = Mean(x, int32[2]{1,2}) {keep_dims=true}; "
                                 "s = Squeeze(p) {squeeze_dims=[1,2]}; y = Relu(s); out y"},
    {"SqueezeNegativeAxes", kImages + "p = Mean(x, int32[2]{1,2}) {keep_dims=true}; "
                                      "s = Squeeze(p) {squeeze_dims=[-3,-2]}; y = Relu(s); out y"},
    {"SqueezeReversedAxes", kImages + "p = Mean(x, int32[2]{1,2}) {keep_dims=true}; "
                                      "s = Squeeze(p) {squeeze_dims=[2,1]}; y = Relu(s); out y"},
    {"SqueezeEverything", "in x:float32[1,5,1,3]; k = float32[1,1,3,4]~1; c = Conv2D(x, k)" + kConv +
                              "s = Squeeze(c) {squeeze_dims=[]}; y = Relu(s); out y"},
    {"SqueezeApart", "in x:float32[1,5,1,3]; k = float32[1,1,3,4]~1; c = Conv2D(x, k)" + kConv +
                         "s = Squeeze(c) {squeeze_dims=[0,2]}; y = Relu(s); out y"},
    {"SqueezeChannels", "in x:float32[?,5,6,3]; k = float32[1,1,3,1]~1; c = Conv2D(x, k)" + kConv +
                            "s = Squeeze(c) {squeeze_dims=[3]}; y = Relu(s); out y"},
    {"SqueezeHeight", "in x:float32[?,1,6,3]; k = float32[1,1,3,4]~1; c = Conv2D(x, k)" + kConv +
                          "s = Squeeze(c) {squeeze_dims=[1]}; y = Relu(s); out y"},
    {"SqueezeBatch", "in x:float32[1,5,6,3]; k = float32[1,1,3,4]~1; c = Conv2D(x, k)" + kConv +
                         "s = Squeeze(c) {squeeze_dims=[0]}; y = Relu(s); out y"},
    {"SqueezeWidthThenDense", "in x:float32[?,5,1,3]; k = float32[1,1,3,4]~1; w = float32[20,3]~2; c = Conv2D(x, k)" +
                                  kConv +
                                  "s = Squeeze(c) {squeeze_dims=[2]}; r = Reshape(s, int32[2]{-1,20}); "
                                  "y = MatMul(r, w); out y"},
    {"StridedSliceWithEndMask", kImages + kConvX +
                                    "s = StridedSlice(c, int32[4]{0,1,2,1}, int32[4]{0,-1,7,3}, int32[4]{1,1,1,1}) "
                                    "{begin_mask=1, end_mask=5}; y = Relu(s); out y"},
    {"StridedSliceDropsAnAxis", kImages + kConvX +
                                    "s = StridedSlice(c, int32[4]{0,0,0,2}, int32[4]{0,0,0,3}, int32[4]{1,1,1,1}) "
                                    "{begin_mask=7, end_mask=7, shrink_axis_mask=8}; y = Relu(s); out y"},
    {"StridedSliceShort", kImages + kConvX +
                              "s = StridedSlice(c, int32[2]{0,1}, int32[2]{0,-1}, int32[2]{1,1}) "
                              "{begin_mask=1, end_mask=1}; y = Relu(s); out y"},
    {"StridedSliceOfASequence",
     "in x:float32[2,5,4]; s = StridedSlice(x, int32[3]{0,-1,0}, int32[3]{0,0,0}, "
     "int32[3]{1,1,1}) {begin_mask=5, end_mask=7, shrink_axis_mask=2}; y = Relu(s); out y"},
    {"StridedSliceEllipsis", kImages + kConvX +
                                 "s = StridedSlice(c, int32[2]{0,1}, int32[2]{0,3}, int32[2]{1,1}) "
                                 "{ellipsis_mask=1}; y = Relu(s); out y"},
    {"StridedSliceNewAxis",
     "in x:float32[?,6]; s = StridedSlice(x, int32[3]{0,0,1}, int32[3]{0,0,4}, int32[3]{1,1,1}) "
     "{begin_mask=1, end_mask=1, new_axis_mask=2}; y = Relu(s); out y"},
    {"StridedSliceOfEverything", kImages + kConvX +
                                     "s = StridedSlice(c, int32[1]{0}, int32[1]{0}, int32[1]{1}) "
                                     "{begin_mask=1, end_mask=1}; y = Relu(s); out y"},
    {"SliceOfAPicture", kImages + kConvX + "s = Slice(c, int32[4]{0,1,2,1}, int32[4]{-1,3,-1,2}); y = Relu(s); out y"},
    {"PackOfVectorsFirst",
     "in x:float32[2,4]; a = Relu(x); b = Tanh(x); p = Pack(a, b) {N=2, axis=0}; "
     "y = Sigmoid(p); out y"},
    {"PackOfVectorsSecond",
     "in x:float32[2,4]; a = Relu(x); b = Tanh(x); p = Pack(a, b) {N=2, axis=1}; "
     "y = Sigmoid(p); out y"},
    {"PackOfVectorsLast",
     "in x:float32[2,4]; a = Relu(x); b = Tanh(x); p = Pack(a, b) {N=2, axis=-1}; "
     "y = Sigmoid(p); out y"},
    {"PackOfSequences",
     "in x:float32[2,4,3]; k = float32[1,1,2,3]~1; a = Relu(x); b = Tanh(x); p = Pack(a, b) {N=2, axis=3}; "
     "y = Conv2D(p, k)" +
         kConv + "out y"},
    {"UnpackOfASequence",
     "in x:float32[2,3,4]; u = Unpack(x) {num=3, axis=1}; a = Relu(u:1); b = Sigmoid(u:2); "
     "y = Add(a, b); out y"},
    {"UnpackOfAPicture", kImages + kConvX + "u = Unpack(c) {num=4, axis=3}; a = Relu(u:1); b = Sigmoid(u:3); out a, b"},
    {"UnpackOfMatrixRows",
     "in x:float32[2,4]; u = Unpack(x) {num=4, axis=-1}; p = Pack(u:3, u:1) {N=2, axis=1}; "
     "y = Relu(p); out y"},
    {"SplitOfAPicture", kImages + kConvX +
                            "s = Split(int32[]{3}, c) {num_split=2}; a = Relu(s); b = Sigmoid(s:1); "
                            "out a, b"},
    {"SplitVOfAPicture", kImages + kConvX +
                             "s = SplitV(c, int32[2]{1,3}, int32[]{3}) {num_split=2}; "
                             "a = Relu(s); b = Sigmoid(s:1); out a, b"},
    {"ConcatOfPictures", kImages + kConvX + "a = Relu(c); b = Sigmoid(c); y = ConcatV2(a, b, x, int32[]{-1}); out y"},
    {"DenseOnPicturesTwice",
     kImage + kConvX +
         "w = float32[4,6]~2; v = float32[6,2]~3; r = Reshape(c, int32[2]{35,4}); m = MatMul(r, w); "
         "p = Reshape(m, int32[4]{1,5,7,6}); b = Add(p, float32[6]{1,2,3,4,5,6}); q = Relu(b); "
         "s = Reshape(q, int32[2]{35,6}); n = MatMul(s, v); y = Reshape(n, int32[4]{1,5,7,2}); out y"},
    {"PackOfPlanes", kImages + "u = Unpack(x) {num=3, axis=3}; y = Pack(u:2, u:0) {N=2, axis=3}; out y"},
    {"TransposeOfASequence", "in x:float32[2,3,4]; t = Transpose(x, int32[3]{0,2,1}); y = Relu(t); out y"},
    {"ToNchwAndBack", kImages + kConvX +
                          "t = Transpose(c, int32[4]{0,3,1,2}); a = Relu(t); "
                          "y = Transpose(a, int32[4]{0,2,3,1}); out y"},
    {"NchwInputTransposed",
     "in x:float32[?,3,5,7]; k = float32[3,3,3,4]~1; t = Transpose(x, int32[4]{0,2,3,1}); "
     "c = Conv2D(t, k)" +
         kConv + "y = Transpose(c, int32[4]{0,3,1,2}); out y"},
    {"PadVTwoZeros", kImages + "p = PadV2(x, int32[4,2]{0,0,1,1,1,1,0,0}, 0.0); y = Conv2D(p, k)" + kValid + "out y"},
    {"PadOfInt64", kImages + "p = Pad(x, int64[4,2]{0,0,0,1,0,1,0,0}); y = Conv2D(p, k)" + kValid + "out y"},
};

const Case kElementwise[] = {
    {"ConstantMinusX", kImages + kConvX + "s = Sub(1.5, c); y = Relu(s); out y"},
    {"VectorMinusX", kImages + kConvX + "s = Sub(float32[4]{1,2,3,4}, c); y = Relu(s); out y"},
    {"XMinusVector", kImages + kConvX + "s = Sub(c, float32[4]{1,2,3,4}); y = Sigmoid(s); out y"},
    {"OneMinusReluOfX", kImages + kConvX + "r = Relu(c); s = Sub(1.0, r); y = Relu(s); out y"},
    {"ConstantOverX", kImages + kConvX + "e = Exp(c); y = RealDiv(2.5, e); out y"},
    {"VectorOverX", kImages + kConvX + "e = Exp(c); y = RealDiv(float32[4]{1,2,3,4}, e); out y"},
    {"XOverConstant", kImages + kConvX + "y = RealDiv(c, 2.5); out y"},
    {"XOverVector", kImages + kConvX + "y = RealDiv(c, float32[4]{1,2,3,4}); out y"},
    {"XOverY", kImages + kConvX + "a = Relu(c); e = Exp(c); y = RealDiv(a, e); out y"},
    {"Negation", kImages + kConvX + "n = Neg(c); y = Sigmoid(n); out y"},
    {"ReciprocalRoot", kImages + kConvX + "e = Exp(c); y = Rsqrt(e); out y"},
    {"SquaredDifferenceOfTwo", kImages + kConvX + "a = Relu(c); b = Sigmoid(c); y = SquaredDifference(a, b); out y"},
    {"SquaredDifferenceOfAConstant", kImages + kConvX + "a = Relu(c); y = SquaredDifference(a, 0.5); out y"},
    {"SquaredDifferenceFromAVector", kImages + kConvX +
                                         "a = Relu(c); y = SquaredDifference(float32[4]{1,2,3,4}, a); "
                                         "out y"},
    {"MaximumOfAConstant", kImages + kConvX + "y = Maximum(c, 0.25); out y"},
    {"MaximumOfAConstantInFront", kImages + kConvX + "y = Maximum(-0.25, c); out y"},
    {"MinimumOfAConstant", kImages + kConvX + "y = Minimum(c, 0.25); out y"},
    {"MaximumOfMinimum", kImages + kConvX + "a = Minimum(c, 0.5); y = Maximum(a, -0.5); out y"},
    {"MinimumOfMaximum", kImages + kConvX + "a = Maximum(c, -0.5); y = Minimum(a, 0.5); out y"},
    {"MaximumOfTwo", kImages + kConvX + "a = Sigmoid(c); b = Tanh(c); y = Maximum(a, b); out y"},
    {"MinimumOfTwo", kImages + kConvX + "a = Sigmoid(c); b = Tanh(c); y = Minimum(a, b); out y"},
    {"LeakyReluSpelledOut", kImages + kConvX + "m = Mul(c, 0.2); y = Maximum(m, c); out y"},
    {"LeakyReluSpelledOutBackwards", kImages + kConvX + "m = Mul(0.2, c); y = Maximum(c, m); out y"},
    {"MaximumOfAProductAndAnother", kImages + kConvX + "m = Mul(c, 0.2); t = Tanh(c); y = Maximum(m, t); out y"},
    {"MaximumOfALargeMultiple", kImages + kConvX + "m = Mul(c, 2.0); y = Maximum(m, c); out y"},
    {"MaximumOfAProductAndAConstant", kImages + kConvX + "m = Mul(c, 0.2); y = Maximum(m, 0.1); out y"},
    {"ReluSixSpelledOut", kImages + kConvX + "r = Relu(c); a = Minimum(r, 0.5); y = Maximum(a, 0.0); out y"},
    {"PowerTwo", kImages + kConvX + "y = Pow(c, 2.0); out y"},
    {"PowerThree", kImages + kConvX + "y = Pow(c, 3.0); out y"},
    {"PowerMinusHalf", kImages + kConvX + "e = Exp(c); y = Pow(e, -0.5); out y"},
    {"VectorAddForABatch", kImages + "p = MaxPool(x) {ksize=[1,2,2,1], strides=[1,1,1,1], padding=\"SAME\"}; "
                                     "y = Add(p, float32[3]{1,2,3}); out y"},
    {"VectorAddForThree", "in x:float32[3,5,7,3]; p = Relu(x); y = AddV2(p, float32[3]{1,2,3}); out y"},
    {"VectorAddAsARow", kImages + "p = Relu(x); y = AddV2(p, float32[1,1,1,3]{1,2,3}); out y"},
    {"VectorAddInFront", kImages + "p = Relu(x); y = AddV2(float32[3]{1,2,3}, p); out y"},
    {"VectorAddOnOnePicture", kImage + "p = Relu(x); y = AddV2(p, float32[3]{1,2,3}); out y"},
    {"VectorAddOnMatrices", "in x:float32[3,4]; r = Relu(x); y = AddV2(r, float32[4]{1,2,3,4}); out y"},
    {"VectorAddOnSequences", "in x:float32[3,5,4]; r = Relu(x); y = AddV2(r, float32[4]{1,2,3,4}); out y"},
    {"VectorMulOnSequences", "in x:float32[3,5,4]; r = Relu(x); y = Mul(r, float32[4]{1,2,3,4}); out y"},
    {"VectorMulAddOnSequences",
     "in x:float32[3,5,4]; r = Relu(x); m = Mul(r, float32[4]{1,2,3,4}); "
     "y = Add(m, float32[4]{4,3,2,1}); out y"},
    {"VectorMulAddOnMatrices",
     "in x:float32[3,4]; r = Relu(x); m = Mul(r, float32[4]{1,2,3,4}); "
     "y = Add(m, float32[4]{4,3,2,1}); out y"},
    {"VectorMulAddOnPictures", kImages + "r = Relu(x); m = Mul(r, float32[3]{1,2,3}); y = Add(m, float32[3]{4,3,2}); "
                                         "out y"},
    {"VectorMulThenScalarAdd", kImages + "r = Relu(x); m = Mul(r, float32[3]{1,2,3}); y = Add(m, 2.0); out y"},
    {"VectorMulWithTwoUsers", kImages + "r = Relu(x); m = Mul(r, float32[3]{1,2,3}); y = Add(m, float32[3]{4,3,2}); "
                                        "z = Sigmoid(m); out y, z"},
    {"ScalarAddAndMul", kImages + kConvX + "a = Add(c, 0.5); y = Mul(a, 2.0); out y"},
    {"HeightVectorMul", "in x:float32[2,5,7,3]; r = Relu(x); y = Mul(r, float32[1,1,1,1]{2}); out y"},
    {"BiasAfterConvolution", kImages + kConvX + "y = BiasAdd(c, float32[4]{1,2,3,4}); out y"},
    {"AddAfterConvolution", kImages + kConvX + "y = AddV2(c, float32[4]{1,2,3,4}); out y"},
    {"BiasWithAnotherUserOfTheConvolution", kImages + kConvX +
                                                "b = BiasAdd(c, float32[4]{1,2,3,4}); y = Relu(b); "
                                                "z = Sigmoid(c); out y, z"},
    {"TwoBiasesOnOneConvolution", kImages + kConvX +
                                      "a = BiasAdd(c, float32[4]{1,2,3,4}); "
                                      "b = BiasAdd(c, float32[4]{4,2,3,1}); y = Relu(a); z = Sigmoid(b); out y, z"},
    {"BiasAfterActivation", kImages + kConvX + "r = Relu(c); y = BiasAdd(r, float32[4]{1,2,3,4}); out y"},
    {"BiasOnMatrices", "in x:float32[3,4]; r = Relu(x); y = BiasAdd(r, float32[4]{1,2,3,4}); out y"},
    {"BiasOfOneChannel", "in x:float32[?,5,7,3]; k = float32[3,3,3,1]~1; c = Conv2D(x, k)" + kConv +
                             "r = Relu(c); b = BiasAdd(r, float32[1]{2}); y = Sigmoid(b); out y"},
    {"ResidualAfterVectorMul", kImages + "r = Relu(x); m = Mul(r, float32[3]{1,2,3}); y = AddV2(m, x); out y"},
    {"ResidualBeforeVectorMul", kImages + "r = Relu(x); m = Mul(r, float32[3]{1,2,3}); y = AddV2(x, m); out y"},
    {"ResidualAfterScalarMul", kImages + "r = Relu(x); m = Mul(r, 0.5); y = AddV2(m, x); out y"},
    {"ResidualAfterConvolution",
     kImages + "k2 = float32[3,3,3,3]~4; c = Conv2D(x, k2)" + kConv + "y = AddV2(c, x); out y"},
    {"ResidualAfterBiasedConvolution", kImages + "k2 = float32[3,3,3,3]~4; c = Conv2D(x, k2)" + kConv +
                                           "b = BiasAdd(c, float32[3]{1,2,3}); y = AddV2(x, b); z = Relu(y); out z"},
    {"SumOfTwoDenses", kVector + "a = MatMul(x, k); w = float32[6,4]~2; b = MatMul(x, w); s = AddV2(a, b); "
                                 "y = Tanh(s); out y"},
    {"ThresholdedReluSpelledOut", kImages + kConvX +
                                      "g = Greater(c, 0.5); m = Cast(g) {SrcT=bool, DstT=float32}; "
                                      "y = Mul(m, c); out y"},
    {"ThresholdedReluByLess", kImages + kConvX +
                                  "g = Less(0.5, c); m = Cast(g) {SrcT=bool, DstT=float32}; "
                                  "y = Mul(c, m); out y"},
    {"SqueezeAndExcite", kImages + kConvX +
                             "p = Mean(c, int32[2]{1,2}) {keep_dims=true}; w = float32[1,1,4,4]~5; "
                             "e = Conv2D(p, w)" +
                             kConv + "s = Sigmoid(e); y = Mul(c, s); out y"},
    {"SqueezeAndExciteInFront", kImages + kConvX +
                                    "p = Mean(c, int32[2]{1,2}) {keep_dims=true}; w = float32[1,1,4,4]~5; "
                                    "e = Conv2D(p, w)" +
                                    kConv + "s = Sigmoid(e); y = Mul(s, c); out y"},
    {"Swish", kImages + kConvX + "s = Sigmoid(c); y = Mul(c, s); out y"},
    {"NormVTwo",
     kImages + kConvX +
         "r = Relu(c); n = FusedBatchNormV2(r, float32[4]{1,2,3,4}, float32[4]{4,3,2,1}, "
         "float32[4]{0.1,0.2,0.3,0.4}, float32[4]{1,2,3,4}) {is_training=false, U=float32}; y = Sigmoid(n); out y"},
    {"NormOfOneChannel",
     "in x:float32[?,5,7,1]; r = Relu(x); n = FusedBatchNormV3(r, float32[1]{2}, float32[1]{3}, "
     "float32[1]{0.4}, float32[1]{5}) {is_training=false}; y = Sigmoid(n); out y"},
};

const Case kLinear[] = {
    {"PadAndSameConvolution", kImages + "p = Pad(x, int32[4,2]{0,0,1,1,2,2,0,0}); y = Conv2D(p, k)" + kConv + "out y"},
    {"PadAndValidConvolution",
     kImages + "p = Pad(x, int32[4,2]{0,0,1,1,2,2,0,0}); y = Conv2D(p, k)" + kValid + "out y"},
    {"UnevenPadAndConvolution", kImages + "p = Pad(x, int32[4,2]{0,0,0,1,0,1,0,0}); "
                                          "y = Conv2D(p, k) {strides=[1,2,2,1], padding=\"VALID\"}; out y"},
    {"TwoConvolutionsOnOnePad", kImages + "p = Pad(x, int32[4,2]{0,0,1,1,1,1,0,0}); y = Conv2D(p, k)" + kValid +
                                    "k2 = float32[3,3,3,2]~2; z = Conv2D(p, k2)" + kValid + "out y, z"},
    {"PadWithAnotherUser",
     kImages + "p = Pad(x, int32[4,2]{0,0,1,1,1,1,0,0}); y = Conv2D(p, k)" + kValid + "z = Relu(p); out y, z"},
    {"PadThatIsAnOutput", kImages + "p = Pad(x, int32[4,2]{0,0,1,1,1,1,0,0}); y = Conv2D(p, k)" + kValid + "out y, p"},
    {"PadAlone", kImages + kConvX + "y = Pad(c, int32[4,2]{0,0,1,2,0,1,0,0}); out y"},
    {"PadOfChannels", kImages + kConvX + "p = Pad(c, int32[4,2]{0,0,0,0,0,0,1,2}); y = Relu(p); out y"},
    {"PadOfChannelsThenConvolution", kImages +
                                         "p = Pad(x, int32[4,2]{0,0,1,1,1,1,0,1}); k2 = float32[3,3,4,2]~1; "
                                         "y = Conv2D(p, k2)" +
                                         kValid + "out y"},
    {"PadAndDepthwise", kImages + "p = Pad(x, int32[4,2]{0,0,1,1,1,1,0,0}); d = float32[3,3,3,1]~2; "
                                  "y = DepthwiseConv2dNative(p, d) {strides=[1,2,2,1], padding=\"VALID\"}; out y"},
    {"DilatedSame", kImage + "y = Conv2D(x, k) {strides=[1,1,1,1], padding=\"SAME\", dilations=[1,2,2,1]}; out y"},
    {"DilatedSameForABatch",
     kImages + "y = Conv2D(x, k) {strides=[1,1,1,1], padding=\"SAME\", dilations=[1,2,3,1]}; out y"},
    {"DilatedValid", kImages + "y = Conv2D(x, k) {strides=[1,1,1,1], padding=\"VALID\", dilations=[1,2,2,1]}; out y"},
    {"DilatedSameWithBias", kImages + "c = Conv2D(x, k) {strides=[1,1,1,1], padding=\"SAME\", dilations=[1,2,2,1]}; "
                                      "b = BiasAdd(c, float32[4]{1,2,3,4}); y = Relu(b); out y"},
    {"DilatedEvenKernel",
     "in x:float32[?,9,8,3]; k = float32[2,4,3,4]~1; "
     "y = Conv2D(x, k) {strides=[1,1,1,1], padding=\"SAME\", dilations=[1,3,2,1]}; out y"},
    {"DilatedDepthwise", kImages + "d = float32[3,3,3,2]~2; y = DepthwiseConv2dNative(x, d) "
                                   "{strides=[1,1,1,1], padding=\"SAME\", dilations=[1,2,2,1]}; out y"},
    {"TwoDilatedConvolutionsOnOneInput",
     kImages + "y = Conv2D(x, k) {strides=[1,1,1,1], padding=\"SAME\", "
               "dilations=[1,2,2,1]}; k2 = float32[3,3,3,2]~2; z = Conv2D(x, k2) {strides=[1,1,1,1], padding=\"SAME\", "
               "dilations=[1,2,2,1]}; out y, z"},
    {"DilatedByBlocks", kImages + "s = SpaceToBatchND(x, int32[2]{2,2}, int32[2,2]{2,3,2,3}); c = Conv2D(s, k)" +
                            kValid + "y = BatchToSpaceND(c, int32[2]{2,2}, int32[2,2]{0,1,0,1}); out y"},
    {"SamePaddingWithStride", kImages + "y = Conv2D(x, k) {strides=[1,2,2,1], padding=\"SAME\"}; out y"},
    {"StrideAboveTheKernel",
     "in x:float32[?,9,9,3]; k = float32[3,3,3,4]~1; "
     "y = Conv2D(x, k) {strides=[1,4,4,1], padding=\"SAME\"}; out y"},
    {"ExplicitPadding", kImages + "y = Conv2D(x, k) {strides=[1,1,1,1], padding=\"EXPLICIT\", "
                                  "explicit_paddings=[0,0,1,2,0,1,0,0]}; out y"},
    {"GroupedConvolution", "in x:float32[?,5,7,4]; k = float32[3,3,2,4]~1; y = Conv2D(x, k)" + kConv + "out y"},
    {"Deconvolution",
     "in x:float32[2,5,7,3]; k = float32[3,3,4,3]~1; y = Conv2DBackpropInput(int32[4]{2,10,14,4}, k, x) "
     "{strides=[1,2,2,1], padding=\"SAME\"}; out y"},
    {"DeconvolutionWithBias",
     "in x:float32[1,5,7,3]; k = float32[3,3,4,3]~1; c = Conv2DBackpropInput(int32[4]{1,10,14,4}, "
     "k, x) {strides=[1,2,2,1], padding=\"SAME\"}; b = BiasAdd(c, float32[4]{1,2,3,4}); "
     "y = Relu(b); out y"},
    {"DeconvolutionByShape",
     "in x:float32[?,5,7,3]; k = float32[3,3,4,3]~1; s = Shape(x); "
     "n = StridedSlice(s, int32[1]{0}, int32[1]{1}, int32[1]{1}) {shrink_axis_mask=1}; "
     "p = Pack(n, int32[]{10}, int32[]{14}, int32[]{4}); "
     "y = Conv2DBackpropInput(p, k, x) {strides=[1,2,2,1], padding=\"SAME\"}; out y"},
    {"DepthToSpace", "in x:float32[?,4,5,12]; r = Relu(x); y = DepthToSpace(r) {block_size=2}; out y"},
    {"SpaceToDepth", "in x:float32[?,4,6,3]; r = Relu(x); y = SpaceToDepth(r) {block_size=2}; out y"},
    {"MatMulTransposedWeights", "in x:float32[?,6]; k = float32[4,6]~1; y = MatMul(x, k) {transpose_b=true}; out y"},
    {"MatMulSquareTransposedWeights",
     "in x:float32[?,6]; k = float32[6,6]~1; m = MatMul(x, k) {transpose_b=true}; "
     "b = BiasAdd(m, float32[6]{1,2,3,4,5,6}); y = Relu(b); out y"},
    {"MatMulTransposedData", "in x:float32[6,3]; k = float32[6,4]~1; y = MatMul(x, k) {transpose_a=true}; out y"},
    {"MatMulConstantOnTheLeft", "in x:float32[6,3]; k = float32[4,6]~1; y = MatMul(k, x); out y"},
    {"MatMulOfTwo", "in x:float32[3,4]; in z:float32[4,5]; m = MatMul(x, z); y = Sigmoid(m); out y"},
    {"BatchMatMulOfTwo", "in x:float32[2,3,4]; in z:float32[2,4,5]; m = BatchMatMulV2(x, z); y = Sigmoid(m); out y"},
    {"BatchMatMulAdjoint", "in x:float32[2,3,4]; in z:float32[2,5,4]; y = BatchMatMulV2(x, z) {adj_y=true}; out y"},
    {"DenseWithBias", kVector + "m = MatMul(x, k); b = BiasAdd(m, float32[4]{1,2,3,4}); y = Sigmoid(b); out y"},
    {"DenseWithBiasForThree",
     "in x:float32[3,6]; k = float32[6,4]~1; m = MatMul(x, k); y = AddV2(m, float32[4]{1,2,3,4}); "
     "out y"},
    {"DenseWithAnotherUser", kVector + "m = MatMul(x, k); b = BiasAdd(m, float32[4]{1,2,3,4}); y = Sigmoid(b); "
                                       "z = Tanh(m); out y, z"},
    {"NchwConvolution",
     "in x:float32[?,3,5,7]; k = float32[3,3,3,4]~1; c = Conv2D(x, k) {strides=[1,1,1,1], "
     "padding=\"SAME\", data_format=\"NCHW\"}; b = BiasAdd(c, float32[4]{1,2,3,4}) {data_format=\"NCHW\"}; "
     "y = Relu(b); out y"},
};

const Case kReductions[] = {
    {"MeanOfWidthAndHeight", kImages + kConvX + "m = Mean(c, int32[2]{2,1}); y = Relu(m); out y"},
    {"MeanCountedFromTheEnd", kImages + kConvX + "m = Mean(c, int32[2]{-3,-2}) {keep_dims=true}; y = Relu(m); out y"},
    {"MeanThenDense", kImages + kConvX + "w = float32[4,5]~2; m = Mean(c, int32[2]{1,2}); y = MatMul(m, w); out y"},
    {"MeanKeptThenConvolution", kImages + kConvX +
                                    "w = float32[1,1,4,5]~2; m = Mean(c, int32[2]{1,2}) {keep_dims=true}; "
                                    "y = Conv2D(m, w)" +
                                    kConv + "out y"},
    {"MaxOfBoth", kImages + kConvX + "m = Max(c, int32[2]{1,2}); y = Relu(m); out y"},
    {"SumOfBoth", kImages + kConvX + "m = Sum(c, int32[2]{2,1}) {keep_dims=true}; y = Relu(m); out y"},
    {"MeanOfHeight", kImages + kConvX + "m = Mean(c, int32[1]{1}); y = Relu(m); out y"},
    {"MeanOfWidthKept", kImages + kConvX + "m = Mean(c, int32[]{2}) {keep_dims=true}; y = Relu(m); out y"},
    {"MeanOfChannels", kImages + kConvX + "m = Mean(c, int32[1]{-1}); y = Relu(m); out y"},
    {"MaxOfChannelsKept", kImages + kConvX + "m = Max(c, int32[1]{3}) {keep_dims=true}; y = Relu(m); out y"},
    {"MeanOfHeightThenDense", kImages + kConvX +
                                  "w = float32[28,5]~2; m = Mean(c, int32[1]{1}); "
                                  "r = Reshape(m, int32[2]{-1,28}); y = MatMul(r, w); out y"},
    {"MeanOfEverything", kImages + kConvX + "m = Mean(c, int32[3]{1,2,3}) {keep_dims=true}; y = Relu(m); out y"},
    {"SoftmaxOfVectors", kVector + "m = MatMul(x, k); y = Softmax(m); out y"},
    {"SoftmaxOfSequences", "in x:float32[2,3,4]; r = Relu(x); y = Softmax(r); out y"},
    {"SoftmaxOfPictures", kImages + kConvX + "y = Softmax(c); out y"},
    {"ArgMaxOfVectors", kVector + "m = MatMul(x, k); y = ArgMax(m, int32[]{1}); out y"},
    {"ArgMinOfColumns", "in x:float32[3,6]; s = Softmax(x); y = ArgMin(s, int32[]{0}); out y"},
    {"ArgMaxBesideItsSoftmax",
     kVector + "m = MatMul(x, k); s = Softmax(m); y = ArgMax(s, int32[]{-1}) {output_type=int32}; out s, y"},
    {"ArgMaxOfChannels", kImages + kConvX + "y = ArgMax(c, int32[]{3}); out y"},
};

const Case kOutputs[] = {
    {"BiasAddIsTheOutput", kImages + kConvX + "b = BiasAdd(c, float32[4]{1,2,3,4}); out b"},
    {"BiasAddAlsoFeedsAnActivation", kImages + kConvX + "b = BiasAdd(c, float32[4]{1,2,3,4}); r = Relu(b); out b, r"},
    {"ConvolutionAlsoFeedsAnActivation", kImages + kConvX + "r = Relu(c); out c, r"},
    {"ConvolutionIsTheOutput", kImages + "y = Conv2D(x, k)" + kConv + "out y"},
    {"BiasIsAskedForBeforeAndAfter",
     kImages + kConvX + "b = BiasAdd(c, float32[4]{1,2,3,4}); r = Relu(b); out r, c, b"},
    {"TwoNamesOfOneValue", kImages + kConvX + "r = Relu(c); a = Identity(r); b = Identity(r); out a, b, r"},
    {"InputIsAnOutput", kImages + kConvX + "a = Identity(x); y = Relu(c); out y, a"},
    {"PortsOfASplit", kImages + kConvX + "s = Split(int32[]{3}, c) {num_split=2}; out b=s:1, a=s"},
    {"PortsOfASplitThatIsUsed",
     kImages + kConvX + "s = Split(int32[]{3}, c) {num_split=2}; y = Relu(s:1); out b=s:1, y, a=s"},
    {"OutputsOfEveryRank", kImages + kConvX +
                               "m = Mean(c, int32[2]{1,2}); w = float32[4,2]~3; d = MatMul(m, w); "
                               "q = Reshape(c, int32[3]{-1,35,4}); r = Relu(c); out d, q, r, m"},
    {"InnerActivationIsAnOutput", kImages + kConvX +
                                      "a = Relu(c); p = MaxPool(a) {ksize=[1,2,2,1], strides=[1,2,2,1], "
                                      "padding=\"VALID\"}; s = Sigmoid(p); out s, a, p"},
    {"ReshapeIsAnOutput", kImages + kConvX +
                              "r = Reshape(c, int32[2]{-1,140}); w = float32[140,3]~3; m = MatMul(r, w); "
                              "out r, m"},
    {"DenseWithBiasIsAnOutput",
     kVector + "m = MatMul(x, k); b = BiasAdd(m, float32[4]{1,2,3,4}); s = Softmax(b); out b, s"},
    {"VectorMulIsAnOutput",
     kImages + "r = Relu(x); m = Mul(r, float32[3]{1,2,3}); y = Add(m, float32[3]{4,3,2}); out m, y"},
    {"SumIsAnOutput", kImages + kConvX + "r = Relu(c); s = AddV2(r, c); y = Relu(s); out s, y"},
    {"ConcatIsAnOutput", kImages + kConvX + "r = Relu(c); s = ConcatV2(r, c, int32[]{3}); y = Relu(s); out s, y"},
    {"TwoInputs",
     "in x:float32[?,5,7,3]; in z:float32[?,6]; k = float32[3,3,3,4]~1; w = float32[6,4]~2; "
     "c = Conv2D(x, k)" +
         kConv + "m = Mean(c, int32[2]{1,2}); d = MatMul(z, w); y = AddV2(m, d); out y, m"},
    {"NormIsAnOutput",
     kImages + kConvX +
         "r = Relu(c); n = FusedBatchNormV3(r, float32[4]{1,2,3,4}, float32[4]{4,3,2,1}, "
         "float32[4]{0.1,0.2,0.3,0.4}, float32[4]{1,2,3,4}) {is_training=false}; s = Relu(n); out n, s"},
    {"DilatedConvolutionIsAnOutput", kImages + "y = Conv2D(x, k) {strides=[1,1,1,1], padding=\"SAME\", "
                                               "dilations=[1,2,2,1]}; r = Relu(y); out y, r"},
};

const Case kConstants[] = {
    {"SharedByConvolutions", kImages + "a = Conv2D(x, k)" + kConv + "b = Conv2D(x, k)" + kValid +
                                 "y = Relu(a); "
                                 "z = Sigmoid(b); out y, z"},
    {"SharedByConvolutionAndDeconvolution",
     "in x:float32[2,5,7,3]; k = float32[3,3,3,3]~1; a = Conv2D(x, k)" + kConv +
         "y = Conv2DBackpropInput(int32[4]{2,5,7,3}, k, a) {strides=[1,1,1,1], padding=\"SAME\"}; out y"},
    {"SharedByDensesAndOthers",
     "in x:float32[4,4]; k = float32[4,4]~1; m = MatMul(x, k); r = Relu(m); n = MatMul(r, k); "
     "y = Tanh(n); out y"},
    {"SharedByTwoDeconvolutions",
     "in x:float32[1,5,7,3]; k = float32[3,3,3,3]~1; a = Conv2DBackpropInput("
     "int32[4]{1,10,14,3}, k, x) {strides=[1,2,2,1], padding=\"SAME\"}; b = Relu(a); y = Conv2DBackpropInput("
     "int32[4]{1,20,28,3}, k, b) {strides=[1,2,2,1], padding=\"SAME\"}; out y"},
    {"SharedBias", kImages + kConvX +
                       "v = float32[4]{1,2,3,4}; a = BiasAdd(c, v); r = Relu(a); b = Mul(r, v); "
                       "y = BiasAdd(b, v); out y"},
    {"HalfWeights",
     "in x:half[?,5,7,3]; k = half[3,3,3,4]~1; c = Conv2D(x, k)" + kConv +
         "b = BiasAdd(c, half[4]{1,2,3,4}); y = Relu(b); out y",
     2e-3},
    {"HalfWeightsCastToFloat",
     "in x:float32[?,5,7,3]; h = half[3,3,3,4]~1; k = Cast(h) {SrcT=half, DstT=float32}; "
     "c = Conv2D(x, k)" +
         kConv + "y = Relu(c); out y"},
    {"BytesAsInput",
     "in x:uint8[?,5,7,3]; k = float32[3,3,3,4]~1; f = Cast(x) {SrcT=uint8, DstT=float32}; "
     "n = Mul(f, 0.0078125); m = Sub(n, 1.0); y = Conv2D(m, k)" +
         kConv + "out y"},
    {"KernelOfAConvolutionAndADepthwiseOne",
     "in x:float32[1,5,7,3]; k = float32[2,2,3,2]~1; c = Conv2D(x, k)" + kConv +
         "d = DepthwiseConv2dNative(x, k)" + kConv + "a = Tanh(c); b = Tanh(d); out a, b"},
    {"ZerosAsWeights", kImages + kConvX +
                           "b = BiasAdd(c, float32[4]{0}); m = Mul(b, float32[4]{2}); "
                           "y = Add(m, float32[4]{3}); out y"},
};

const Case kInputs[] = {
    // The importer asks for shapes at the product, before it has connected the third input.
    {"ProductBeforeTheLastInputIsRead",
     "in a:float32[2,3,4]; in b:float32[2,3,4]; in c:float32[2,3,4]; m = Mul(a, b); t = Tanh(m); y = Add(t, c); out y"},
    {"QuotientBeforeTheLastInputIsRead",
     "in a:float32[2,5,7,3]; in b:float32[2,5,7,3]; in c:float32[2,5,7,3]; e = Exp(b); m = RealDiv(a, e); y = Add(m, c); out y"},
};

class LegalizedGraph : public ::testing::TestWithParam<Case> {};

TEST_P(LegalizedGraph, GivesTheSameNumbersInOpenCv) {
  const Graph graph = ParseOrDie(GetParam().text);
  ASSERT_FALSE(graph.outputs().empty());
  const StatusOr<double> error = ErrorWhenOptimized(graph);
  ASSERT_TRUE(error.ok()) << error.status() << "\n" << GetParam().text;
  EXPECT_LE(*error, GetParam().tolerance) << GetParam().text;
}

std::string NameOfCase(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Shapes, LegalizedGraph, ::testing::ValuesIn(kShapes), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Elementwise, LegalizedGraph, ::testing::ValuesIn(kElementwise), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Linear, LegalizedGraph, ::testing::ValuesIn(kLinear), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Reductions, LegalizedGraph, ::testing::ValuesIn(kReductions), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Outputs, LegalizedGraph, ::testing::ValuesIn(kOutputs), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Inputs, LegalizedGraph, ::testing::ValuesIn(kInputs), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Constants, LegalizedGraph, ::testing::ValuesIn(kConstants), NameOfCase);

}  // namespace
}  // namespace permafrost
