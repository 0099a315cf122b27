r"""Texts by hand, each for one thing that libxlutil does: ``READ`` it reads, ``REFUSED`` not."""

from __future__ import annotations

_SERVER = b"""# A guest with a disk and a network card.
name = "web-1"
type = "pvh"
kernel = '/boot/vmlinuz'
extra = "root=/dev/xvda1 console=hvc0"
memory = 512
vcpus = 2
disk = [ '/dev/vg/web,raw,xvda,rw' ,
         '/srv/iso/rescue.iso,raw,xvdb,ro' ]
vif = [ 'mac=00:16:3e:01:02:03,bridge=xenbr0', ]
on_crash = "restart"
"""

_PASSED = b"""name = 'domu1' ; memory = 0x400
device_tree = "/etc/xen/domu1.dtb"  # as dom0 sees it
irqs = [ 34, 35,
  # two more
  36
  , 37,
]
iomem += [ "0x9010,1" ]
iomem += [ "0x9030,1@0x8000", ]
"""

READ = (
    # Nothing, and what is between statements.
    *(b"", b"\n", b"\n\n \t\n", b";", b";;\n;", b"# only a comment\n", b"#\n", b"a=1", b"a=1;"),
    *(b"a=1;b=2", b"a = 1 ; b = 2 # c\n", b"\ta\t=\t1\t\n", b"a=1#c\n", b"# c\0d\r\n", b"#\xff\n"),
    # Names and numbers.
    *(b"a=0", b"a=010", b"a=08", b"a=0x1F"[:5], b"a=0x", b"a=0xfx", b"a=12x", b"a=1abcdefx0"),
    *(b"a.b_9=1", b"a_=1", b"zz9=0b1", b"a=00", b"a=99999999999999999999", b"a=1b=2"[:3]),
    *(b"a=9223372036854775807", b"a=9223372036854775808", b"a=" + b"9" * 5000),
    *(
        b"a='-9223372036854775808'",
        b"a='-9223372036854775809'",
        b"a=' \t+5'",
        b"a='5 '",
        b"a='0X1F'",
    ),
    *(b"a='- 5'", b"a='0x'", b"a='+'", b"a=''", b"a='0b11'", b"a='1_0'", b"a='\xd9\xa1'"),
    # Strings.
    *(b"a='x \"y\"'", b'a="it\'s"', b"a='#;[]=,'", b"a='\xc3\xa9'", b"a='\xff\xfe'", b"a='\r'"),
    *(rb"a='\a\b\f\n\r\t\v\\\'\"'", rb'a="\a\b\f\n\r\t\v\\\'\""', b"a='\x01\x7f\t'"),
    *(rb"a='\101'", rb"a='\1234'", rb"a='\0 12'", rb"a='\7 +1x'", rb"a='\3-1x'", rb"a='\2  9x'"),
    *(
        rb"a='\089'",
        rb"a='\100\200x'",
        b"a='\\1\v12'",
        b"a='\\0\r\f3'",
        b"a='" + b"x" * 100000 + b"'",
    ),
    # Lists.
    *(
        b"a=[]",
        b"a=[ ]",
        b"a=[\n]",
        b"a=[\n\n# c\n]",
        b"a=[1]",
        b"a=[1,]",
        b"a=[1,\n]",
        b"a=[1\n,]",
    ),
    *(b"a=[\n1\n,\n\n2\n,\n]\n", b"a=[1,2,3,4,5,6,7,8,9]", b"a=[[]]", b"a=[[1],'x',[[2,],],]"),
    *(b"a=[ # c\n 1, # d\n]", b"a=[" + b"1," * 5000 + b"]", b"a=" + b"[" * 4996 + b"]" * 4996),
    # Several statements about a name.
    *(b"a=1\na=2", b"a=[1]\na=2", b"a=1\na=[2]", b"a=[1]\na+=[2]", b"a=[]\na+=[]", b"a=[1]\na+=[]"),
    *(
        b"a=[]\na+=[1]",
        b"a+=[1]",
        b"a+=1",
        b"a+='x'",
        b"a='x'\na+='y'",
        b"a=1\na+=2",
        b"a=1\na+=2\na=3",
    ),
    *(b"a=1\na=[2]\na+=[3]", b"a=[1]\na+=[[2]]\na+=[3]", b"a=[1]\na+=[2]\na=[9]\na+=[8]\n"),
    *(b"a+=[1]\na+=[2,3,4,5]\na+=[6]\n", b"b=1\na=[1]\nb+=2\na+=[2]"),
    # One stray byte at the end.
    *(
        b"a=1\n#",
        b"#",
        b"-",
        b"a=1 '",
        b'a=1"',
        b"a=1\n(",
        b"a=1\n\xc3",
        b"a=1\n\0",
        b"a=1\r",
        b"A",
    ),
    *(b"a=1\n\x1a", b"a=1 +", b"a=1;\\", b"a=1\n.", b"a=1_", b"a=[1]\n\x80", b"a=1\n\x7f"),
    # Whole ones.
    *(_SERVER, _PASSED, _SERVER * 200, _PASSED.rstrip(b"\n")),
)

REFUSED = (
    # The lexer.
    *(
        b"a=1\n# x",
        b"a=1\n##",
        b"a=1\r\n",
        b"a=1\x0c\n",
        b"\xef\xbb\xbfa=1\n",
        b"a=1\n\xc3\xa9",
        b"A=1",
    ),
    *(
        b"a=1 -\n",
        b"a = -1\n",
        b"a = \\\n1\n",
        b"a=0X1\n",
        b"a=\0 1\n",
        b"a+ =1\n",
        b"a='x\0y'\n",
        b"$\n",
    ),
    *(
        b"a='open\n",
        b'a="open',
        b"a='x\\\n'\n",
        b"a='x\ny'\n",
        b"a='\\'\n",
        b"''' doc '''\n",
        b"?x",
    ),
    # Escapes.
    *(rb"a='\x41'", rb"a='\x'", rb"a='\1'", rb"a='\12'", rb"a='\8'", rb"a='\q'", rb"a='\1 x'"),
    *(
        rb"a='\1   9'",
        rb"a='\1+'",
        rb"a='\1++1'",
        rb"a='\1\'12'",
        rb"a='ok\n' ; b='\u1234'",
        rb"a=1 '\e'",
    ),
    *(rb"a='\1+ 1'", rb"a=['\n', '\N']", b"a='\\\0'"),
    # The parser.
    *(
        b"a",
        b"a\n",
        b"a=",
        b"a=\n",
        b"=1\n",
        b"a==1\n",
        b"a 1\n",
        b"a=1 2\n",
        b"a=1 b=2\n",
        b"a=b\n",
    ),
    *(
        b"a=True\n",
        b"a=[1 2]\n",
        b"a=[,]\n",
        b"a=[1,,2]\n",
        b"a=[\n,1]\n",
        b"a=[1;2]\n",
        b"a=[1\n",
        b"a=]",
    ),
    *(
        b"a\n=1\n",
        b"a=\n1\n",
        b"a=[1]]\n",
        b"a=[[1]\n",
        b"\n\na = # c\n",
        b"a=[1,\n\n",
        b"a=[a]\n",
        b"[1]\n",
    ),
    *(
        b"1=a\n",
        b"a=1,\n",
        b"a=(1)\n",
        b"a={}\n",
        b"a='x' + 'y'\n",
        b"a='x' 'y'\n",
        b"+=1",
        b"a+=\n",
    ),
    *(b"def f():\n  return 1\n", b"import os\n", b"if a: b=1\n", b"a=[x for x in y]\n", b"a=-"),
    # += of what does not go together; what comes first is told first.
    *(b"a='x'\na+=['y']\n", b"a=['x']\na+='y'\n", b"a=1\na+=[1,\n2\n]\n@\n", b"a=1\na+=[1]@\n"),
    *(b"a=1\na+=[1]\na='\\q'\n", b"a=[1]\na+=1\n\n= 1\n", b"a=@\nb=1\nb+=[1]\n", b"a=1\na+=[]\n"),
    # Lists nested deeper than the parser's stack.
    *(b"a=" + b"[" * 4997 + b"]" * 4997, b"\na=" + b"[" * 6000, b"a=\n" + b"[" * 6000),
    *(b"a=" + b"[1," * 2400 + b"1" + b"]" * 2400, b"a=" + b"[\n" * 5500),
)
