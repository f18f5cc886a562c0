"""What every known operator does, in the words of the counting rules: one table for both counters.

A multiply-accumulate (MAC) is a product that is added to others. So an operator either contracts (its MACs follow from
shapes), makes products, sums, adds, looks something up, or is free for a reason that stands here. An operator that
stands nowhere makes a system `not_countable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What an operator does with products that were not summed yet."""

    CONTRACTS = "contracts"  # its MACs follow from its shapes; what it gives holds no open product
    TRANSFORMS = "transforms"  # as CONTRACTS, and it sums the open products of its inputs (windowed FFT)
    PRODUCT = "product"  # element by element, of two tensors: open until something sums it
    LOOKUP = "lookup"  # a table read by numbers of the clip stands for a product
    SUMS = "sums"  # over axes: the open products of its inputs become MACs
    ACCUMULATES = "accumulates"  # a product of two tensors, added to a third
    ADDS = "adds"  # element by element: two different open products become MACs
    MEASURES = "measures"  # free; what it gives holds no open product
    PASSES = "passes"  # free arithmetic, element by element: open products stay open
    MOVES = "moves"  # no arithmetic: shapes, copies, types, constants
    LEAVES = "leaves"  # hands numbers to Python or lets them decide shapes: the cost may depend on the clip
    DRAWS = "draws"  # random numbers


class Operator(NamedTuple):
    """What an operator does and, where it is free, why."""

    kind: Kind
    reason: str = ""


_FREE: Mapping[tuple[Kind, str], str] = {
    (Kind.MOVES, "only shapes, places, types or constants change"): """
        view view_as reshape _reshape_alias _unsafe_view _reshape_copy unsafe_split unsafe_chunk flatten unflatten
        squeeze unsqueeze transpose t _pack_padded_sequence _pad_packed_sequence permute movedim moveaxis swapaxes
        swapdims numpy_T mT mH adjoint matrix_H expand expand_as broadcast_to broadcast_tensors repeat tile select
        slice narrow split split_with_sizes tensor_split chunk unbind diagonal diag diag_embed diagonal_copy
        as_strided unfold real imag view_as_real view_as_complex resolve_conj resolve_neg conj _conj _conj_physical
        conj_physical cat concat concatenate stack hstack vstack dstack column_stack row_stack block_diag atleast_1d
        atleast_2d atleast_3d contiguous clone copy copy_ _to_copy to type_as detach alias lift lift_fresh
        lift_fresh_copy data _nested_tensor_from_mask flip fliplr flipud roll rot90 pad constant_pad_nd _pad_enum
        _pad_circular reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
        replication_pad3d pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle im2col masked_fill
        masked_scatter where fill zero scatter index_fill index_copy index_put _index_put_impl slice_scatter
        select_scatter diagonal_scatter put tril triu empty empty_like empty_strided empty_permuted new_empty
        new_empty_strided zeros zeros_like new_zeros ones ones_like new_ones full full_like new_full zero_ arange
        linspace logspace eye range tril_indices triu_indices scalar_tensor hann_window hamming_window blackman_window
        bartlett_window kaiser_window meshgrid cartesian_prod one_hot size numel dim is_floating_point is_complex Int
        ScalarImplicit FloatImplicit IntImplicit Bool Float __getitem__ len sym_size sym_numel sym_stride
        sym_storage_offset stride is_same_size set_ resize_ resize_as_ record_stream requires_grad_
        _has_compatible_shallow_copy_type result_type dequantize q_scale q_zero_point int_repr feature_dropout dropout
        alpha_dropout native_dropout feature_alpha_dropout _shape_as_tensor _reshape_from_tensor warn view_copy
        permute_copy transpose_copy t_copy expand_copy select_copy slice_copy squeeze_copy unsqueeze_copy unfold_copy
        _assert_async _assert_tensor_metadata pin_memory _pin_memory to_dense to_mkldnn _to_dense upsample_nearest1d
        upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
        _upsample_nearest_exact3d set_data rename align_to refine_names unsafe_split_with_sizes max_unpool2d
        max_unpool3d __contains__ Size complex device
    """,
    (Kind.PASSES, "batch normalisation in evaluation mode folds into the layer before it"): """
        batch_norm native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training cudnn_batch_norm
        _batch_norm_no_update _batch_norm_impl_index miopen_batch_norm _batch_norm_with_update
        _native_batch_norm_legit_functional
    """,
    (Kind.PASSES, "an activation: a function of one element, no sum and no weights"): """
        relu relu6 prelu _prelu_kernel leaky_relu rrelu rrelu_with_noise elu celu selu gelu silu mish hardswish
        hardsigmoid hardtanh hardshrink softshrink softplus threshold log_sigmoid log_sigmoid_forward sigmoid tanh exp
        exp2 expm1 log log2 log10 log1p sqrt rsqrt square reciprocal abs absolute neg negative sign sgn sin cos tan
        asin acos atan sinh cosh asinh acosh atanh arcsin arccos arctan erf erfc erfinv lgamma digamma special_expit
        special_erf special_exp2 special_expm1 special_log1p special_ndtr angle nan_to_num frac positive
    """,
    (Kind.PASSES, "comparing, choosing, rounding and ordering multiply nothing"): """
        eq ne lt le gt ge greater greater_equal less less_equal not_equal isnan isinf isfinite isposinf isneginf
        isclose logical_and logical_or logical_not logical_xor bitwise_not bitwise_or __or__ __xor__ bitwise_xor clamp
        clamp_min clamp_max clip max min maximum minimum fmax fmin amax amin aminmax argmax argmin sort argsort msort
        topk kthvalue median nanmedian mode cummax cummin floor ceil round trunc fix floor_divide remainder fmod
        bucketize searchsorted any all max_pool1d max_pool2d max_pool3d max_pool1d_with_indices
        max_pool2d_with_indices max_pool3d_with_indices adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
        fractional_max_pool2d fractional_max_pool3d quantized_max_pool1d quantized_max_pool2d quantize_per_tensor
        quantize_per_channel quantize_per_tensor_dynamic fake_quantize_per_tensor_affine
        fake_quantize_per_channel_affine _fake_quantize_per_tensor_affine_cachemask_tensor_qparams
        fake_quantize_per_tensor_affine_cachemask fake_quantize_per_channel_affine_cachemask count_nonzero histc
        bincount
    """,
    (Kind.ADDS, "additions multiply nothing; the sum of two products is counted"): """
        add sub subtract rsub sum_to_size hypot logaddexp logaddexp2
    """,
    (Kind.SUMS, "pooling and sums over an axis have no weights; products they sum are counted"): """
        sum nansum mean nanmean cumsum logcumsumexp logsumexp special_logsumexp avg_pool1d avg_pool2d avg_pool3d
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
        mkldnn_adaptive_avg_pool2d trace diff scatter_add scatter_reduce index_add index_reduce segment_reduce col2im
        unfold_backward
    """,
    (Kind.PASSES, "a normalisation: the clip's own values, shifted and scaled by their own statistics"): """
        layer_norm native_layer_norm group_norm native_group_norm instance_norm rms_norm _fused_rms_norm softmax
        _softmax log_softmax _log_softmax special_softmax special_log_softmax _masked_softmax _safe_softmax renorm
        _weight_norm _weight_norm_interface
    """,
    (Kind.MEASURES, "a norm or deviation of the clip's own values: no weights"): """
        std var std_mean var_mean norm linalg_vector_norm linalg_norm frobenius_norm
    """,
    (Kind.LOOKUP, "reading a table that does not depend on the clip by the clip's numbers stands for a product"): """
        index _unsafe_index index_select gather take take_along_dim embedding
    """,
    (Kind.PRODUCT, "free until something sums it: then each product is a MAC"): """
        mul multiply div divide true_divide pow float_power outer ger kron cross linalg_cross atan2 arctan2 glu
        bitwise_and ldexp copysign heaviside polar prod cumprod xlogy special_xlog1py __and__ __lshift__ __rshift__
        bitwise_left_shift bitwise_right_shift
    """,
    (Kind.ACCUMULATES, "free until the tensor it is added to holds another product"): """
        addcmul addcdiv lerp addr
    """,
    (Kind.LEAVES, "the numbers of a clip decide: each clip is counted alone"): """
        _local_scalar_dense nonzero nonzero_static nonzero_numpy argwhere masked_select _unique _unique2 unique_dim
        unique_consecutive repeat_interleave equal
    """,
}

_CONTRACTS = """
    convolution _convolution _convolution_mode conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
    conv_tbc thnn_conv2d _slow_conv2d_forward mkldnn_convolution cudnn_convolution slow_conv3d linear mm addmm bmm
    baddbmm addbmm mv addmv dot vdot inner matmul linalg_matmul linalg_vecdot tensordot chain_matmul linalg_multi_dot
    einsum bilinear _trilinear _scaled_mm _addmm_activation scaled_dot_product_attention
    _scaled_dot_product_attention_math _scaled_dot_product_flash_attention _scaled_dot_product_flash_attention_for_cpu
    _scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention
    _scaled_dot_product_fused_attention_overrideable _native_multi_head_attention _transformer_encoder_layer_fwd gru
    lstm rnn_tanh rnn_relu gru_cell lstm_cell rnn_tanh_cell rnn_relu_cell quantized_gru quantized_lstm embedding_bag
    _embedding_bag _embedding_bag_forward_only cdist _cdist_forward _euclidean_dist pairwise_distance
    cosine_similarity pdist upsample_linear1d upsample_bilinear2d _upsample_bilinear2d_aa upsample_bicubic2d
    _upsample_bicubic2d_aa upsample_trilinear3d grid_sampler grid_sampler_2d grid_sampler_3d
"""

_QUANTISED = """
    conv1d conv1d_relu conv1d_dynamic conv2d conv2d_relu conv2d_dynamic conv2d_add conv2d_add_relu conv3d conv3d_relu
    conv3d_dynamic conv_transpose1d conv_transpose2d conv_transpose3d linear linear_relu linear_dynamic
    linear_relu_dynamic linear_dynamic_fp16 linear_leaky_relu linear_tanh
"""

_TRANSFORMS = """
    stft istft fft_fft fft_ifft fft_rfft fft_irfft fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_fftn fft_ifftn
    fft_rfftn fft_irfftn _fft_r2c _fft_c2c _fft_c2r
"""

_DRAWS = """
    rand randn randint randperm rand_like randn_like randint_like normal normal_ bernoulli bernoulli_ uniform uniform_
    random random_ exponential_ cauchy_ log_normal_ geometric_ poisson multinomial _standard_gamma _sample_dirichlet
    binomial normal_functional
"""

_QUANTISED_FREE: Mapping[Kind, str] = {
    Kind.PASSES: "batch_norm1d batch_norm2d batch_norm3d batch_norm relu6 leaky_relu hardswish elu sigmoid  clamp",
    Kind.ADDS: "add add_relu add_scalar add_scalar_relu",
    Kind.PRODUCT: "mul mul_relu",
    Kind.MOVES: "cat cat_relu mul_scalar mul_scalar_relu",
    Kind.SUMS: "layer_norm group_norm instance_norm softmax",
}


def _table() -> dict[str, Operator]:
    table: dict[str, Operator] = {}
    for (kind, reason), names in _FREE.items():
        table.update({f"aten::{name}": Operator(kind, reason) for name in names.split()})
    table.update({f"aten::{name}": Operator(Kind.CONTRACTS) for name in _CONTRACTS.split()})
    table.update({f"aten::{name}": Operator(Kind.TRANSFORMS) for name in _TRANSFORMS.split()})
    table.update({f"aten::{name}": Operator(Kind.DRAWS) for name in _DRAWS.split()})
    table.update({f"quantized::{name}": Operator(Kind.CONTRACTS) for name in _QUANTISED.split()})
    for kind, names in _QUANTISED_FREE.items():
        table.update({f"quantized::{name}": Operator(kind, "as its unquantised form") for name in names.split()})
    table["aten::special_expit"] = Operator(Kind.PASSES, "an activation")
    return table


OPERATORS: Mapping[str, Operator] = _table()
"""Every operator that can be counted, by its name without overload and without the underscore of in-place forms."""

IN_EVALUATION = frozenset({"aten::dropout", "aten::native_dropout", "aten::alpha_dropout", "aten::feature_dropout"})
"""Operators that draw random numbers only where they are told that they are trained."""


OF_ONE: Mapping[str, float] = {"aten::prod": 1, "aten::cumprod": 1, "aten::glu": 0.5}
"""Operators that multiply the elements of one tensor with each other, and how many products an element takes."""

POOLED_AXES: Mapping[str, int] = {
    f"aten::{prefix}avg_pool{n}d": n
    for prefix in ("", "adaptive_", "_adaptive_", "mkldnn_adaptive_")
    for n in (1, 2, 3)
}
"""Average pooling: how many of the last axes it sums over."""


def base_name(name: str) -> str:
    """The name of an operator without the underscore of its in-place form: `aten::add_` is `aten::add`."""
    return name[:-1] if name not in OPERATORS and name.endswith("_") and not name.endswith("__") else name


def known(name: str) -> Operator | None:
    """What an operator does; None where nobody has said so."""
    return OPERATORS.get(base_name(name))
