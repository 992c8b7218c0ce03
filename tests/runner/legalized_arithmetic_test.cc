#include "tests/runner/opencv_testing.h"

// Arithmetic in the middle of a net: optimized, in the real cv::dnn, against the reference kernels. Every op on
// pictures, sequences and matrices, with whatever TensorFlow spreads over them.
namespace permafrost {
namespace {

struct Case {
  std::string name, text;
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

// What comes before and after: x is positive where a root or a logarithm wants it.
const std::string kConv = R"( {strides=[1,1,1,1], padding="SAME", data_format="NHWC"}; )";
const std::string kPicture = "in p:float32[2,5,7,3]; k = float32[3,3,3,4]~1; x = Conv2D(p, k)" + kConv;
const std::string kOnePicture = "in p:float32[1,5,7,3]; k = float32[3,3,3,4]~1; x = Conv2D(p, k)" + kConv;
const std::string kSequence = "in p:float32[2,5,6]; r = Sin(p); x = Add(r, 0.25); ";
const std::string kMatrix = "in p:float32[3,6]; w = float32[6,6]~1; x = MatMul(p, w); ";
const std::string kVolume = "in x:float32[2,3,4,5,2]; ";
const std::string kPositive = "s0 = Sigmoid(x); s1 = Mul(s0, 2.0); s = Add(s1, 0.2); ";
const std::string kAsPicture = "v = float32[1,1,4,3]~2; y = Conv2D(z, v)" + kConv + "out y";
const std::string kAsGrey = "v = float32[1,1,1,3]~2; y = Conv2D(z, v)" + kConv + "out y";
const std::string kChannelsFirst =
    "in p:float32[2,5,7,3]; t0 = Transpose(p, int32[4]{0,3,1,2}); c = Conv2D(t0, float32[3,3,3,4]~1) {strides=[1,1,1,1], "
    "padding=\"SAME\", data_format=\"NCHW\"}; ";
const std::string kTurnedBack = "z = Transpose(q, int32[4]{0,2,3,1}); h = Mul(z, 0.5); y = Tanh(h); out y";
const std::string kAsItIs = "h = Mul(z, 0.5); y = Tanh(h); out y";

std::string NameOf(std::string_view text) {
  std::string name;
  for (const char c : text) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

std::vector<Case> Functions() {
  std::vector<Case> cases;
  const std::vector<std::pair<std::string, std::string>> functions = {
      {"Swish", "a = Sigmoid(x); z = Mul(x, a); "},
      {"HardSwish", "a = Add(x, 3.0); b = Relu6(a); c = Mul(x, b); z = RealDiv(c, 6.0); "},
      {"HardSigmoid", "a = Mul(x, 0.2); b = Add(a, 0.5); z = ClipByValue(b, 0.0, 1.0); "},
      {"GeluErf", "a = RealDiv(x, 1.4142135); b = Erf(a); c = Add(b, 1.0); d = Mul(x, c); z = Mul(0.5, d); "},
      {"GeluTanh",
       "a = Pow(x, 3.0); b = Mul(a, 0.044715); c = Add(x, b); d = Mul(c, 0.7978846); e = Tanh(d); f = Add(e, 1.0); "
       "g = Mul(x, f); z = Mul(0.5, g); "},
      {"Mish", "a = Softplus(x); b = Tanh(a); z = Mul(x, b); "},
      {"EluSelected", "c = Greater(x, 0.0); a = Expm1(x); z = SelectV2(c, x, a); "},
      {"Threshold", "c = Greater(x, 0.3); a = Cast(c) {SrcT=bool, DstT=float32}; z = Mul(a, x); "},
      {"StepBelow", "c = LessEqual(x, 0.1); a = Cast(c) {SrcT=bool, DstT=float32}; z = Add(a, x); "},
      {"Between",
       "b = Greater(x, -0.2); a = Less(x, 0.3); c = LogicalAnd(a, b); d = Cast(c) {SrcT=bool, DstT=float32}; "
       "z = Mul(d, x); "},
      {"Outside",
       "b = GreaterEqual(x, 0.2); a = Less(x, -0.3); c = LogicalOr(a, b); e = LogicalNot(c); z = SelectV2(e, x, "
       "0.5); "},
      {"Choice", "a = Sin(x); b = Cos(x); c = Greater(a, b); z = SelectV2(c, a, b); "},
      {"NotZero", "a = Relu(x); c = NotEqual(a, 0.0); z = Cast(c) {SrcT=bool, DstT=float32}; "},
      {"Sign", "z = Sign(x); "},
      {"Truncation",
       "a = Mul(x, 4.0); b = Cast(a) {SrcT=float32, DstT=int32}; z = Cast(b) {SrcT=int32, DstT=float32}; "},
      {"Logarithms", kPositive + "a = Log1p(s); b = Log(s); z = Add(a, b); "},
      {"Exponentials", "a = Expm1(x); b = Erfc(x); z = Sub(a, b); "},
      {"LogSoftmax", "z = LogSoftmax(x); "},
      {"LogSumExp",
       "i = int32[]{-1}; a = Max(x, i) {keep_dims=true}; f = IsFinite(a); m = SelectV2(f, a, 0.0); b = Sub(x, m); "
       "c = Exp(b); d = Sum(c, i) {keep_dims=true}; e = Log(d); g = Add(e, m); z = Sub(x, g); "},
      {"FloorDivision", "a = FloorDiv(x, 0.3); b = FloorMod(x, 0.3); z = Sub(a, b); "},
      {"Quotients", kPositive + "a = Rsqrt(s); b = Reciprocal(s); c = RealDiv(3.0, s); d = DivNoNan(x, 2.0); "
                                "z = AddN(a, b, c, d); "},
      {"Powers", kPositive + "a = Pow(s, 2.2); b = Pow(s, -1.5); c = Pow(x, 5.0); d = Pow(2.0, x); e = Pow(s, -3.0); "
                             "z = AddN(a, b, c, d, e); "},
      {"FakeQuantized", "z = FakeQuantWithMinMaxVars(x, -1.0, 1.5) {num_bits=4}; "},
      {"FakeQuantizedNarrowly", "z = FakeQuantWithMinMaxArgs(x) {min=-1.0, max=1.25, num_bits=5, narrow_range=true}; "},
      {"RootMeanSquare",
       "a = Square(x); b = Mean(a, int32[]{-1}) {keep_dims=true}; c = Add(b, 0.001); d = Rsqrt(c); z = Mul(x, d); "},
      {"LayerNorm",
       "i = int32[1]{-1}; a = Mean(x, i) {keep_dims=true}; b = SquaredDifference(x, a); c = Mean(b, i) "
       "{keep_dims=true}; "
       "d = Add(c, 0.001); e = Rsqrt(d); f = Mul(x, e); g = Mul(a, e); z = Sub(f, g); "},
      {"L2Normalized",
       "a = Square(x); b = Sum(a, int32[]{-1}) {keep_dims=true}; c = Maximum(b, 1e-12); d = Rsqrt(c); z = Mul(x, d); "},
      {"CumulativeSum", "z = Cumsum(x, int32[]{-1}) {exclusive=false, reverse=true}; "},
  };
  for (const auto& [name, text] : functions) {
    cases.push_back({name + "OfPictures", kPicture + text + kAsPicture});
    cases.push_back({name + "OfSequences", kSequence + text + kAsItIs});
    cases.push_back({name + "OfMatrices", kMatrix + text + kAsItIs});
  }
  return cases;
}

struct Operand {
  std::string name, text;
};

std::vector<Case> Broadcasts() {
  std::vector<Case> cases;
  const std::vector<Operand> constants = {
      {"Scalar", "c = 0.75; "},
      {"Channels", "c = float32[4]~5; "},
      {"ChannelsOfOnePixel", "c = float32[1,1,4]~5; "},
      {"Place", "c = float32[5,7,1]~5; "},
      {"Everything", "c = float32[5,7,4]~5; "},
      {"EverythingOfOne", "c = float32[1,5,7,4]~5; "},
      {"Column", "c = float32[7,1]~5; "},
      {"Row", "c = float32[5,1,1]~5; "},
      {"ColumnsAndChannels", "c = float32[7,4]~5; "},
  };
  const std::vector<Operand> live = {
      {"Pixel", "c = Mean(s, int32[2]{1,2}) {keep_dims=true}; "},
      {"Mask", "c = Mean(s, int32[1]{3}) {keep_dims=true}; "},
      {"OneRow", "c = Mean(s, int32[1]{1}) {keep_dims=true}; "},
      {"OneColumn", "c = Mean(s, int32[1]{2}) {keep_dims=true}; "},
      {"OneNumber", "c = Mean(s, int32[3]{1,2,3}) {keep_dims=true}; "},
      {"Same", "c = Cos(s); "},
  };
  const auto in_both_orders = [&](std::string_view op, const std::string& name, const std::string& before,
                                  const std::string& after) {
    cases.push_back({StrCat(op, "Of", name), StrCat(before, "z = ", op, "(s, c); ", after)});
    cases.push_back({StrCat(op, "From", name), StrCat(before, "z = ", op, "(c, s); ", after)});
  };
  for (const std::string op : {"Add", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "SquaredDifference"}) {
    for (const Operand& c : constants) {
      const std::string positive = op == "RealDiv" ? c.text + "" : c.text;
      in_both_orders(op, c.name + "OnPictures", kPicture + kPositive + positive, kAsPicture);
      cases.push_back({op + "Of" + c.name + "AfterAConvolution",
                       kOnePicture + c.text + "z = " + op + "(x, c); " + (op == "RealDiv" ? kAsPicture : kAsPicture)});
    }
    for (const Operand& c : live) in_both_orders(op, c.name + "OnPictures", kPicture + kPositive + c.text, kAsPicture);
    in_both_orders(op, "MaskAndPixel",
                   kPicture + kPositive +
                       "a = Mean(s, int32[2]{1,2}) {keep_dims=true}; c = Mean(s, int32[]{3}) "
                       "{keep_dims=true}; b = " +
                       op + "(a, c); ",
                   "q = Sigmoid(b); " + kAsPicture.substr(0, 0) + "v = float32[1,1,4,3]~2; u = Conv2D(z, v)" + kConv +
                       "w = float32[1,1,4,3]~3; t = Conv2D(q, w)" + kConv + "y = Add(u, t); out y");
    for (const Operand& c : std::vector<Operand>{{"Steps", "c = float32[5,1]~5; "},
                                                 {"StepsAndFeatures", "c = float32[1,5,6]~5; "},
                                                 {"Features", "c = float32[6]~5; "},
                                                 {"OneStep", "c = Mean(s, int32[]{1}) {keep_dims=true}; "},
                                                 {"OneFeature", "c = Mean(s, int32[]{2}) {keep_dims=true}; "}}) {
      in_both_orders(op, c.name + "OnSequences", kSequence + kPositive + c.text, kAsItIs);
    }
    for (const Operand& c : std::vector<Operand>{{"Features", "c = float32[6]~5; "},
                                                 {"OneFeature", "c = Mean(s, int32[]{1}) {keep_dims=true}; "}}) {
      in_both_orders(op, c.name + "OnMatrices", kMatrix + kPositive + c.text, kAsItIs);
    }
  }
  return cases;
}

std::vector<Case> Reductions() {
  std::vector<Case> cases;
  const auto add = [&](std::string_view op, const std::string& before, const std::string& x, const std::string& axes,
                       bool keeps, const std::string& after) {
    const std::string text =
        StrCat(before, "z = ", op, "(", x, ", ", axes, ") {keep_dims=", keeps ? "true" : "false", "}; ", after);
    cases.push_back({StrCat(op, NameOf(axes), keeps ? "Kept" : "", "Of",
                            before.substr(13, 9) == "2,5,7,3];" ? "Pictures"
                            : before.substr(13, 3) == "2,5"     ? "Sequences"
                            : before.substr(13, 3) == "3,6"     ? "Matrices"
                                                                : "Volumes"),
                     text});
  };
  for (const std::string op : {"Mean", "Sum", "Max", "Min", "Prod"}) {
    for (const std::string axes : {"int32[1]{1}", "int32[1]{2}", "int32[1]{3}", "int32[2]{1,2}", "int32[2]{1,3}",
                                   "int32[2]{2,3}", "int32[3]{1,2,3}", "int32[1]{0}"}) {
      for (const bool keeps : {true, false}) {
        // Of one dim only the batch is left.
        add(op, kPicture + kPositive, "s", axes, keeps, kAsItIs);
      }
    }
    for (const std::string axes : {"int32[1]{1}", "int32[1]{2}", "int32[2]{1,2}", "int32[1]{-1}"}) {
      add(op, kSequence, "x", axes, false, kAsItIs);
      add(op, kSequence, "x", axes, true, kAsItIs);
    }
    add(op, kMatrix, "x", "int32[1]{1}", true, kAsItIs);
    add(op, kMatrix, "x", "int32[]{0}", true, kAsItIs);
    for (const std::string axes : {"int32[3]{1,2,3}", "int32[1]{4}", "int32[1]{1}", "int32[2]{2,3}"}) {
      add(op, kVolume, "x", axes, false, kAsItIs);
    }
  }
  return cases;
}

std::vector<Case> Others() {
  const std::string kStrides3 = " {strides=[1,1,1,1,1], padding=\"SAME\"}; ";
  return {
      {"PreluOfChannels", kPicture +
                              "a = Relu(x); b = Neg(x); c = Relu(b); d = Neg(c); e = Mul(float32[4]~5, d); "
                              "z = Add(a, e); " +
                              kAsPicture},
      {"PreluOfEveryPlace", kPicture +
                                "a = Relu(x); b = Neg(x); c = Relu(b); e = Mul(float32[5,7,4]~5, c); "
                                "z = Sub(a, e); " +
                                kAsPicture},
      {"PreluByAbsolutes", kPicture +
                               "a = Relu(x); b = Abs(x); c = Sub(x, b); d = Mul(float32[4]~5, c); e = Mul(d, 0.5); "
                               "z = Add(a, e); " +
                               kAsPicture},
      {"PreluByExtremes", kPicture +
                              "a = Maximum(0.0, x); b = Minimum(0.0, x); c = Mul(float32[4]~5, b); "
                              "z = Add(a, c); " +
                              kAsPicture},
      {"PreluBySelection",
       kPicture + "a = Greater(x, 0.0); b = Mul(float32[4]~5, x); z = SelectV2(a, x, b); " + kAsPicture},
      {"SelectionByAConstant",
       kPicture + "a = Sigmoid(x); z = SelectV2(bool[4]{true,false,false,true}, x, a); " + kAsPicture},
      {"SumWithAConstant", kPicture + "a = Sin(x); z = AddN(x, float32[2,5,7,4]{0.5}, a); " + kAsPicture},
      {"FakeQuantizedByChannel",
       kPicture +
           "z = FakeQuantWithMinMaxVarsPerChannel(x, float32[4]{-1,-0.5,-2,-1}, float32[4]{1,1.5,1,0.5}) "
           "{num_bits=4}; " +
           kAsPicture},
      {"NormOfItsOwnPicture",
       kOnePicture +
           "z = FusedBatchNormV3(x, float32[4]{1,2,3,4}, float32[4]{4,3,2,1}, float32[0]{}, float32[0]{}) "
           "{is_training=true, epsilon=0.001}; " +
           kAsPicture},
      {"NormOfItsOwnBatch",
       kPicture +
           "z = FusedBatchNormV3(x, float32[4]{1,2,3,4}, float32[4]{4,3,2,1}, float32[0]{}, float32[0]{}) "
           "{is_training=true, epsilon=0.001}; " +
           kAsPicture},
      {"NormByMoments",
       kPicture +
           "i = int32[3]{0,1,2}; a = Mean(x, i) {keep_dims=true}; b = SquaredDifference(x, a); v0 = Mean(b, i); "
           "m = Mean(x, i); c = Add(v0, 0.001); d = Rsqrt(c); e = Mul(d, float32[4]{1,2,3,4}); f = Mul(x, e); "
           "g = Mul(m, e); h = Sub(float32[4]{4,3,2,1}, g); z = Add(f, h); " +
           kAsPicture},
      {"LayerNormAsKerasSaysIt",
       kSequence +
           "r1 = Reshape(x, int32[4]{1,10,6,1}); n = FusedBatchNormV3(r1, float32[10]{1,1,1,1,1,1,1,1,1,1}, "
           "float32[10]{0,0,0,0,0,0,0,0,0,0}, float32[0]{}, float32[0]{}) {is_training=true, epsilon=0.001, "
           "data_format=\"NCHW\"}; r2 = Reshape(n, int32[3]{2,5,6}); a = Mul(r2, float32[6]~5); "
           "z = Add(a, float32[6]~6); " +
           kAsItIs},
      {"LayerNormOfPicturesAsKerasSaysIt",
       kPicture +
           "r1 = Reshape(x, int32[4]{1,70,4,1}); o = Fill(int32[1]{70}, 1.0); n0 = Fill(int32[1]{70}, 0.0); "
           "n = FusedBatchNormV3(r1, o, n0, float32[0]{}, float32[0]{}) {is_training=true, epsilon=0.001, "
           "data_format=\"NCHW\"}; r2 = Reshape(n, int32[4]{2,5,7,4}); a = Mul(r2, float32[4]~5); "
           "z = Add(a, float32[4]~6); " +
           kAsPicture},
      {"SoftmaxOverHeight", kPicture +
                                "a = Transpose(x, int32[4]{0,3,2,1}); b = Softmax(a); "
                                "z = Transpose(b, int32[4]{0,3,2,1}); " +
                                kAsPicture},
      {"ProductOverChannelsOfAnyBatch",
       "in x:float32[?,5,7,4]; s = Sigmoid(x); z = Prod(s, int32[1]{3}) {keep_dims=true}; " + kAsItIs},
      {"SoftmaxOverAPlane", kPicture +
                                "m = Max(x, int32[2]{1,2}) {keep_dims=true}; d = Sub(x, m); e = Exp(d); "
                                "s = Sum(e, int32[2]{1,2}) {keep_dims=true}; z = RealDiv(e, s); " +
                                kAsPicture},
      {"LogSoftmaxOverWidth", kPicture +
                                  "a = Transpose(x, int32[4]{0,1,3,2}); b = LogSoftmax(a); "
                                  "z = Transpose(b, int32[4]{0,1,3,2}); " +
                                  kAsPicture},
      {"ArgMaxOverHeight", kPicture + "r = Sigmoid(x); y = ArgMax(r, int32[]{1}); out y"},
      {"ArgMaxOverWidth", kPicture + "r = Sigmoid(x); y = ArgMax(r, int32[]{2}); out y"},
      {"DenseOnSequences", kSequence + "z = BatchMatMulV2(x, float32[6,3]~5); " + kAsItIs},
      {"ConstantTimesSequences", kSequence + "z = BatchMatMulV2(float32[3,5]~5, x); " + kAsItIs},
      {"ProductOfPictures", kPicture +
                                "a = Sin(x); b = BatchMatMulV2(x, a) {adj_y=true}; z = Mul(b, 0.5); h = Tanh(z); "
                                "y = Mul(h, 2.0); out y"},
      {"EinsumWithAMatrix", kSequence + "z = Einsum(x, float32[6,3]~5) {equation=\"abc,cd->abd\"}; " + kAsItIs},
      {"EinsumByHeads",
       kSequence +
           "q0 = Einsum(x, float32[6,2,3]~5) {equation=\"abc,cde->abde\"}; q = Add(q0, float32[2,3]~6); "
           "k0 = Einsum(x, float32[6,2,3]~7) {equation=\"abc,cde->abde\"}; v0 = Einsum(x, float32[6,2,3]~8) "
           "{equation=\"abc,cde->abde\"}; a = Einsum(k0, q) {equation=\"aecd,abcd->acbe\"}; b = Softmax(a); "
           "c = Einsum(b, v0) {equation=\"acbe,aecd->abcd\"}; z = Einsum(c, float32[2,3,6]~9) "
           "{equation=\"abcd,cde->abe\"}; " +
           kAsItIs},
      {"ChannelsFirstPadded", kChannelsFirst + "d = Pad(c, int32[4,2]{0,0,1,2,0,1,3,0}); q = Tanh(d); " + kTurnedBack},
      {"ChannelsFirstSoftmax",
       kChannelsFirst + "t = Transpose(c, int32[4]{0,3,2,1}); s = Softmax(t); q = Transpose(s, int32[4]{0,3,2,1}); " +
           kTurnedBack},
      {"ChannelsFirstLogSoftmax",
       kChannelsFirst + "t = Transpose(c, int32[4]{0,3,2,1}); s = LogSoftmax(t); q = Transpose(s, int32[4]{0,3,2,1}); " +
           kTurnedBack},
      {"ChannelsFirstExcited",
       kChannelsFirst + "m = Mean(c, int32[2]{2,3}) {keep_dims=false}; d = MatMul(m, float32[4,4]~3); s = Sigmoid(d); "
                        "r = Reshape(s, int32[4]{-1,4,1,1}); q = Mul(c, r); " +
           kTurnedBack},
      {"ChannelsFirstTimesPlaces",
       kChannelsFirst + "m = Max(c, int32[1]{1}) {keep_dims=true}; s = Sigmoid(m); q = Mul(c, s); " + kTurnedBack},
      {"EinsumOfOne", kSequence + "z = Einsum(x) {equation=\"abc->acb\"}; " + kAsItIs},
      {"EinsumThatSums", kSequence + "z = Einsum(x) {equation=\"abc->ac\"}; " + kAsItIs},
      {"EinsumThatSumsAndTurns", kPicture + "z = Einsum(x) {equation=\"abcd->adb\"}; " + kAsItIs},
      {"EinsumWithDots", kSequence + "z = Einsum(x, float32[6,3]~5) {equation=\"...ab,bc->...ac\"}; " + kAsItIs},
      {"EinsumWithDotsForAll", kSequence + "a = Sin(x); z = Einsum(x, a) {equation=\"...,...->...\"}; " + kAsItIs},
      {"EinsumThatScales", kSequence + "z = Einsum(x, float32[6]~5) {equation=\"abc,c->abc\"}; " + kAsItIs},
      {"EinsumThatScalesAndTurns", kSequence + "z = Einsum(x, float32[5]~5) {equation=\"abc,b->acb\"}; " + kAsItIs},
      {"EinsumOfAllPairs", kSequence + "a = Sin(x); z = Einsum(x, a) {equation=\"abc,abd->abcd\"}; " + kAsItIs},
      {"EinsumOfTwo", kSequence + "a = Sin(x); z = Einsum(x, a) {equation=\"abc,adc->abd\"}; " + kAsItIs},
      {"Volumes", "in p:float32[1,4,5,6,3]; k = float32[2,3,3,3,4]~1; x = Conv3D(p, k)" + kStrides3 +
                      "a = Relu(x); b = MaxPool3D(a) {ksize=[1,2,2,2,1], strides=[1,2,2,2,1], padding=\"VALID\"}; "
                      "r = Reshape(b, int32[2]{-1,48}); y = MatMul(r, float32[48,3]~5); out y"},
      {"VolumesAdded", "in p:float32[1,4,5,6,3]; k = float32[2,3,3,3,3]~1; x = Conv3D(p, k)" + kStrides3 +
                           "a = Mul(x, float32[3]{1,2,3}); b = Add(a, p); y = Tanh(b); out y"},
      {"ChannelsFirst",
       "in p:float32[2,3,5,7]; k = float32[3,3,3,4]~1; x = Conv2D(p, k) {strides=[1,1,1,1], padding=\"SAME\", "
       "data_format=\"NCHW\"}; a = Mul(x, float32[4,1,1]~5); b = Add(a, float32[4,5,7]~6); c = Mean(b, int32[2]{2,3}) "
       "{keep_dims=true}; d = Sub(b, c); e = Max(d, int32[1]{1}); h = Tanh(e); y = Mul(h, 2.0); out y"},
      {"HalfInTheMiddle",
       kPicture + "a = Cast(x) {SrcT=float32, DstT=half}; b = Relu(a); z = Cast(b) {SrcT=half, DstT=float32}; "
                  "c = Mul(z, 0.0); d = Add(c, x); h = Relu(d); y = Mul(h, 2.0); out y"},
      {"DoubleIn",
       "in p:float64[2,6]; a = Mul(p, float64[]{2}); b = Cast(a) {SrcT=float64, DstT=float32}; y = Tanh(b); "
       "out y"},
  };
}

class LegalizedArithmetic : public ::testing::TestWithParam<Case> {};

TEST_P(LegalizedArithmetic, GivesTheSameNumbersInOpenCv) {
  const Graph graph = ParseOrDie(GetParam().text);
  ASSERT_FALSE(graph.outputs().empty());
  const StatusOr<double> error = ErrorWhenOptimized(graph);
  ASSERT_TRUE(error.ok()) << error.status() << "\n" << GetParam().text;
  EXPECT_LE(*error, 1e-4) << GetParam().text;
}

std::string NameOfCase(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Functions, LegalizedArithmetic, ::testing::ValuesIn(Functions()), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Broadcasts, LegalizedArithmetic, ::testing::ValuesIn(Broadcasts()), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Reductions, LegalizedArithmetic, ::testing::ValuesIn(Reductions()), NameOfCase);
INSTANTIATE_TEST_SUITE_P(Others, LegalizedArithmetic, ::testing::ValuesIn(Others()), NameOfCase);

}  // namespace
}  // namespace permafrost
