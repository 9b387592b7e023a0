"""Makes the golden ring beside it with Debian's Swift 2.30: /usr/bin/python3 test/golden/ring/make.py

swift-2.30.ring.gz  two regions, uneven weights, 2.5 replicas, one device removed, one with names beyond ASCII
lookups.json        what that ring answers: [names, partition, primaries, handoffs]
"""
import json
import os

from swift.common import utils
from swift.common.ring import Ring, RingBuilder

here = os.path.dirname(os.path.abspath(__file__))
path = os.path.join(here, 'swift-2.30.ring.gz')
builder = RingBuilder(6, 2.5, 1)
for number in range(10):
    builder.add_dev({
        'region': 1 + number % 2, 'zone': 1 + number % 3, 'ip': '10.0.0.%d' % (1 + number // 2), 'port': 6200,
        'replication_ip': '10.1.0.%d' % (1 + number // 2), 'replication_port': 6300, 'device': 'sd%d' % number,
        'weight': [100, 200.5, 400][number % 3], 'meta': 'Gestell 4, Fach \u00fc' if number == 3 else ''})
builder.rebalance(seed=1)
builder.remove_dev(4)
builder.pretend_min_part_hours_passed()
builder.rebalance(seed=1)
builder.get_ring().save(path)

utils.HASH_PATH_PREFIX = b'changeme'
utils.HASH_PATH_SUFFIX = b'changeme'
ring = Ring(path)
answers = []
for names in [('AUTH_test', 'c', 'o'), ('AUTH_test', 'c'), ('AUTH_test',), ('AUTH_\u00fc', 'c / d', '\u65e5\u672c/x?y%z')] + [
        ('AUTH_test', 'c', str(number)) for number in range(60)]:
    part, nodes = ring.get_nodes(*names)
    answers.append([names, part, [node['id'] for node in nodes], [node['id'] for node in ring.get_more_nodes(part)]])
with open(os.path.join(here, 'lookups.json'), 'w') as out:
    out.write('[\n' + ',\n'.join(map(json.dumps, answers)) + '\n]\n')
