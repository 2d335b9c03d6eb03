/*-------------------------------------------------------------------------
 * partition.h
 *	  Which rows of a node go left, and copying them apart (private to learn).
 *
 * The portable functions say what is right; others do the same with the
 * instructions that a machine has, and are chosen when a learner starts.
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_LEARN_PARTITION_H
#define MLOPS_LEARN_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of a list: numbers in a matrix, and their packed gradients. */
typedef struct RowSide
{
	uint32_t   *row;
	uint64_t   *gradient;
} RowSide;

/*
 * Copies n rows, those with goes_left 1 to left and those with 0 to right, in their
 * order.  Nothing is written behind the last of either side.  The sides overlap
 * neither each other nor what is read.
 */
typedef void (*PartitionMove) (const uint32_t *row, const uint64_t *gradient, const uint8_t *goes_left, size_t n,
							   RowSide left, RowSide right);

/*
 * goes_left [n] gets left_code of each row's code, 0 or 1; returns their sum.  codes
 * are a feature's by row, stride bytes apart.
 */
extern size_t partition_look(const uint8_t *codes, size_t stride, const uint32_t *row, size_t n, const uint8_t left_code[256],
							 uint8_t *goes_left);

extern void partition_move_portable(const uint32_t *row, const uint64_t *gradient, const uint8_t *goes_left, size_t n,
									RowSide left, RowSide right);

#if defined(__x86_64__) && defined(__GNUC__)
#define PARTITION_AVX512
extern bool partition_has_avx512(void);
extern void partition_move_avx512(const uint32_t *row, const uint64_t *gradient, const uint8_t *goes_left, size_t n,
								  RowSide left, RowSide right);
#endif

/* The fastest that this machine has. */
extern PartitionMove partition_choose_move(void);

#endif							/* MLOPS_LEARN_PARTITION_H */
