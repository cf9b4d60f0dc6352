/* SPDX-License-Identifier: Apache-2.0
 *
 * A trie over the bytes of added tokens: the leftmost match, and of those the longest. A table of
 * first bytes passes over text in which no token begins. The nodes of one parent lie side by side
 * in the order of their bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_private.h"

static int compare_patterns(const void *a, const void *b)
{
    const lb_trie_pattern *left = a;
    const lb_trie_pattern *right = b;
    const size_t common = left->size < right->size ? left->size : right->size;
    const int order = memcmp(left->text, right->text, common);

    if (order != 0)
    {
        return order;
    }
    return (left->size > right->size) - (left->size < right->size);
}

/* What is left to do for a node: its patterns are [from, to) and agree in DEPTH bytes. */
typedef struct pending
{
    uint32_t node;
    size_t from, to, depth;
} pending;

/* Makes the children of one node; *COUNT nodes exist. Returns how many were put into CHILDREN. */
static size_t expand(lb_trie *trie, const lb_trie_pattern *patterns, pending work, uint32_t *count,
                     pending *children)
{
    lb_trie_node *node = &trie->nodes[work.node];
    size_t n_children = 0;
    size_t at = work.from;

    if (work.depth > 0 && at < work.to && patterns[at].size == work.depth)
    {
        node->pattern = patterns[at].index;
        at++;
        while (at < work.to && patterns[at].size == work.depth)
        {
            trie->has_equal_patterns = true;
            at++;
        }
    }
    node->first_child = *count;
    while (at < work.to)
    {
        const uint8_t byte = (uint8_t)patterns[at].text[work.depth];
        size_t to = at + 1;
        while (to < work.to && (uint8_t)patterns[to].text[work.depth] == byte)
        {
            to++;
        }
        trie->nodes[*count] = (lb_trie_node){0, 0, -1, byte};
        children[n_children++] = (pending){*count, at, to, work.depth + 1};
        (*count)++;
        at = to;
    }
    node->n_children = (uint32_t)n_children;
    return n_children;
}

lobass_status lb_trie_build(lb_trie *trie, lb_arena *arena, lb_trie_pattern *patterns,
                            size_t n_patterns, lobass_error *error)
{
    size_t n_nodes = 1;
    uint32_t count = 1;

    *trie = (lb_trie){0};
    if (n_patterns == 0)
    {
        return LOBASS_OK;
    }
    for (size_t i = 0; i < n_patterns; i++)
    {
        if (!lb_size_add(n_nodes, patterns[i].size, &n_nodes) || n_nodes >= UINT32_MAX)
        {
            return lb_fail_memory(error, SIZE_MAX);
        }
    }
    qsort(patterns, n_patterns, sizeof *patterns, compare_patterns);
    trie->nodes = lb_arena_alloc(arena, n_nodes, sizeof *trie->nodes, error);
    pending *queue = lb_alloc(n_nodes, sizeof *queue, error);
    if (trie->nodes == NULL || queue == NULL)
    {
        free(queue);
        return LOBASS_OUT_OF_MEMORY;
    }
    trie->nodes[0] = (lb_trie_node){0, 0, -1, 0};
    queue[0] = (pending){0, 0, n_patterns, 0};
    for (size_t next = 0, end = 1; next < end; next++)
    {
        end += expand(trie, patterns, queue[next], &count, queue + end);
    }
    free(queue);
    for (uint32_t i = 0; i < trie->nodes[0].n_children; i++)
    {
        const uint32_t child = trie->nodes[0].first_child + i;
        trie->roots[trie->nodes[child].byte] = child;
    }
    return LOBASS_OK;
}

/* The child of NODE for BYTE, or 0. */
static uint32_t child_of(const lb_trie *trie, uint32_t node, uint8_t byte)
{
    uint32_t low = trie->nodes[node].first_child;
    uint32_t high = low + trie->nodes[node].n_children;

    while (low < high)
    {
        const uint32_t middle = low + (high - low) / 2;
        if (trie->nodes[middle].byte == byte)
        {
            return middle;
        }
        if (trie->nodes[middle].byte < byte)
        {
            low = middle + 1;
        }
        else
        {
            high = middle;
        }
    }
    return 0;
}

bool lb_trie_find(const lb_trie *trie, const char *text, size_t size_bytes, size_t from,
                  lb_range *match, int32_t *index)
{
    if (trie->nodes == NULL)
    {
        return false;
    }
    for (size_t begin = from; begin < size_bytes; begin++)
    {
        uint32_t node = trie->roots[(uint8_t)text[begin]];
        size_t end = begin + 1;
        bool found = false;
        while (node != 0)
        {
            if (trie->nodes[node].pattern >= 0)
            {
                *match = (lb_range){begin, end};
                *index = trie->nodes[node].pattern;
                found = true;
            }
            node = end < size_bytes ? child_of(trie, node, (uint8_t)text[end]) : 0;
            end++;
        }
        if (found)
        {
            return true;
        }
    }
    return false;
}
